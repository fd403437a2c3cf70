// The page, built from what npm has installed and served on loopback.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const types = {
    ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2",
};

export async function serve() {
    const assets = dirname(createRequire(import.meta.url).resolve("hydrogen-view-sdk/style.css"));
    const bundle = await build({
        entryPoints: [join(here, "page/main.js")], bundle: true, write: false, format: "esm", target: "es2022",
        // Only what runs in node would use them.
        external: ["fs", "path", "crypto"], logLevel: "error",
    });
    const script = Buffer.from(bundle.outputFiles[0].contents);
    const read = async (path) => {
        if (path === "/main.js") return script;
        if (path === "/sw.js") return readFile(join(assets, "../../lib-build/sw.js"));
        if (path.startsWith("/assets/")) return readFile(join(assets, normalize(path.slice("/assets".length))));
        return readFile(join(here, "page/index.html"));
    };
    const server = createServer(async (request, response) => {
        const { pathname } = new URL(request.url, "http://page");
        try {
            const body = await read(pathname);
            response.writeHead(200, { "content-type": types[extname(pathname)] ?? types[".html"] }).end(body);
        } catch {
            response.writeHead(404).end();
        }
    });
    await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
    return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}
