// A terminal client: WeeChat with its Matrix plugin, 80 columns wide, in a tmux of its own. It shows notices as plain text,
// so this is what a client shows that knows no HTML.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createServer } from "node:tls";
import { promisify } from "node:util";

const run = promisify(execFile);

const COLUMNS = 80;
/** The whole scene has to fit: nothing scrolls. */
const ROWS = 1_500;
const PLUGIN = "/usr/share/weechat/python/matrix.py";
const PATIENCE_MS = 120_000;

export class Terminal {
    /** Logs in, and has the room in view from then on. */
    async open({ homeserver, user, password, room }) {
        this.folder = await mkdtemp(join(tmpdir(), "pictures-"));
        this.socket = join(this.folder, "tmux");
        await this.front(new URL(homeserver).port);
        const folder = join(this.folder, "weechat");
        await mkdir(join(folder, "python/autoload"), { recursive: true });
        await symlink(PLUGIN, join(folder, "python/autoload/matrix.py"));
        const first = [
            "/set weechat.look.paste_max_lines -1", "/set weechat.look.prefix_align_max 12",
            "/set weechat.bar.buflist.hidden on", "/set weechat.bar.nicklist.hidden on",
        ];
        const start = `weechat -d ${folder} -r "${first.join(";")}"`;
        await this.tmux("new-session", "-d", "-x", COLUMNS, "-y", ROWS, start);
        // The last of them was done.
        await this.until("nicklist.hidden = on");
        const { port } = this.server.address();
        const commands = [
            `/matrix server add here 127.0.0.1:${port}`, "/set matrix.server.here.address https://127.0.0.1",
            "/set matrix.server.here.ssl_verify off",
            `/set matrix.server.here.username ${user}`, `/set matrix.server.here.password ${password}`,
            "/matrix connect here",
        ];
        for (const command of commands) await this.type(command);
        await this.until("Logged in as");
        // Rooms come with the first answer to a sync, in any order: each is looked at until the bar says it is the one.
        for (let number = 2, end = Date.now() + PATIENCE_MS; !(await this.text()).includes(`:${room}`); number += 1) {
            if (Date.now() > end) throw new Error(`WeeChat does not show the room ${room}`);
            await this.type(`/buffer ${2 + number % 8}`);
        }
    }

    /** What is on the screen, without what is empty. */
    async text() {
        const { stdout } = await this.tmux("capture-pane", "-p");
        return stdout.split("\n").map((line) => line.trimEnd()).filter((line) => line !== "").join("\n");
    }

    async keep(file) {
        await pause(2_000);
        await writeFile(file, `${await this.text()}\n`);
    }

    async close() {
        await this.tmux("kill-server").catch(() => {});
        this.server?.close();
        if (this.folder) await rm(this.folder, { recursive: true, force: true });
    }

    /** The plugin speaks TLS only, and Synapse has none here: this stands between. */
    async front(port) {
        const [key, certificate] = [join(this.folder, "key.pem"), join(this.folder, "certificate.pem")];
        const made = ["-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=127.0.0.1"];
        await run("openssl", ["req", "-x509", ...made]);
        const options = { key: await readFile(key), cert: await readFile(certificate), ALPNProtocols: ["http/1.1"] };
        this.server = createServer(options, (client) => {
            const synapse = connect(port, "127.0.0.1");
            client.pipe(synapse).pipe(client);
            client.on("error", () => synapse.destroy());
            synapse.on("error", () => client.destroy());
        });
        await new Promise((listening) => this.server.listen(0, "127.0.0.1", listening));
    }

    tmux(...words) {
        return run("tmux", ["-S", this.socket, ...words.map(String)], { maxBuffer: 64 << 20 });
    }

    async type(command) {
        await this.tmux("send-keys", "-l", command);
        await this.tmux("send-keys", "Enter");
        await pause(500);
    }

    async until(words) {
        // Lines are broken anywhere.
        const without = (text) => text.replaceAll(/[\s|│]/g, "");
        for (const end = Date.now() + PATIENCE_MS; !without(await this.text()).includes(without(words)); await pause(500)) {
            if (Date.now() > end) throw new Error(`WeeChat does not say "${words}" but:\n${(await this.text()).slice(-2000)}`);
        }
    }
}
