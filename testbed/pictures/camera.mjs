// The camera: started by `testbed pictures`, told what to do by lines of JSON on standard input, each answered by one on
// standard output. It knows the client and nothing of the service.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { Client } from "./client.mjs";
import { serve } from "./serve.mjs";
import { Terminal } from "./terminal.mjs";

/** What the pictures are for: the narrowest phone that counts, and a window on a desk. */
const SCREENS = [
    { width: 360, height: 740, scale: 2, isMobile: true },
    { width: 1200, height: 800, scale: 1, isMobile: false },
];

/** Nothing of the browser's own leaves the machine, and root may start it. */
const FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
];

const page = await serve();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
const clients = [];
const terminal = new Terminal();
let atTerminal;

const deeds = {
    async open({ homeserver, user, password, room }) {
        for (const screen of SCREENS) {
            const client = new Client(browser, screen);
            clients.push(client);
            await client.open({ page: page.address, homeserver, user, password, room });
        }
        // It takes its time, and what was said meanwhile is in its history.
        atTerminal = terminal.open({ homeserver, user, password, room }).then(() => null, (error) => error);
        return {};
    },
    async take({ event, reactions, file }) {
        const findings = [];
        for (const client of clients) {
            const { width } = client.screen;
            const found = await client.take(event, reactions, `${file}-${width}.png`);
            findings.push(...found.map((finding) => `${width} px: ${finding}`));
        }
        return { findings };
    },
    async tap({ event, key }) {
        await clients[0].tap(event, key);
        return {};
    },
    /** What the terminal client shows of the whole scene. */
    async keep({ file }) {
        const error = await atTerminal;
        if (error) throw error;
        await terminal.keep(file);
        return {};
    },
};

// Who started the camera ends it by closing its standard input: then nothing that it has started stays.
process.on("SIGINT", () => {});

for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    let answer;
    try {
        answer = { done: true, ...await deeds[order.do](order) };
    } catch (error) {
        answer = { done: false, error: String(error) };
        const look = (client) => client.whole(`${order.file}-failed-${client.screen.width}.png`);
        if (order.file) await Promise.allSettled(clients.map(look));
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await terminal.close();
await browser.close();
page.close();
