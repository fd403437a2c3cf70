// One Hydrogen on one screen: logged in, in a room, with a message in view.
import { whatDoesNotFit } from "./fits.mjs";

/** A busy machine takes its time. */
const PATIENCE_MS = 120_000;
/** A message that was not drawn anew for so long is as it is. */
const SETTLED_MS = 1_500;
/** How much of the room is left below a message, and how much around it while it is taken: a date floats at the top. */
const [MARGIN, AROUND] = [8, 400];

export class Client {
    constructor(browser, screen) {
        this.browser = browser;
        this.screen = screen;
    }

    async open({ page, homeserver, user, password, room }) {
        const { width, height, scale, isMobile } = this.screen;
        const context = await this.browser.newContext({
            viewport: { width, height }, deviceScaleFactor: scale, isMobile, hasTouch: isMobile, colorScheme: "light",
            locale: "en-GB", timezoneId: "UTC",
        });
        this.page = await context.newPage();
        this.page.setDefaultTimeout(PATIENCE_MS);
        await this.page.goto(`${page}?homeserver=${encodeURIComponent(homeserver)}`);
        await this.page.fill("#username", user);
        await this.page.fill("#password", password);
        await this.page.click("button[type=submit]");
        await this.page.locator(".RoomList .description .name", { hasText: new RegExp(`^${room}$`) }).first().click();
        await this.page.locator(".Timeline").waitFor();
    }

    /** Waits until a message is there, has these reactions, and is not drawn anew any more. */
    async find(event, reactions) {
        const message = this.page.locator(`.Timeline_message[data-event-id="${event}"]`);
        await message.waitFor({ state: "attached" });
        for (const key of reactions) await reaction(message, key).waitFor({ state: "attached" });
        await this.page.waitForFunction(([id, settled]) => {
            const now = document.querySelector(`.Timeline_message[data-event-id="${id}"]`)?.innerHTML;
            if (now !== window.lastDrawn) Object.assign(window, { lastDrawn: now, lastDrawnAt: performance.now() });
            return performance.now() - window.lastDrawnAt > settled;
        }, [event, SETTLED_MS], { polling: 100 });
        return message;
    }

    /** Taps on a reaction that is there already, as somebody does. */
    async tap(event, key) {
        const button = reaction(await this.find(event, [key]), key);
        await button.scrollIntoViewIfNeeded();
        await (this.screen.isMobile ? button.tap() : button.click());
    }

    /** Takes a picture of a message in its whole height; gives what does not fit. */
    async take(event, reactions, file) {
        const { width, height } = this.screen;
        const message = await this.find(event, reactions);
        // Where a message is higher than the screen, the screen is as high as the message meanwhile.
        const tall = await message.evaluate((element) => element.getBoundingClientRect().height);
        await this.page.setViewportSize({ width, height: Math.max(height, Math.ceil(tall) + AROUND) });
        await message.evaluate((element) => element.scrollIntoView({ block: "center" }));
        await this.page.mouse.move(0, 0);
        await this.page.evaluate(() => document.fonts.ready);
        const [box, room] = [await message.boundingBox(), await this.page.locator(".Timeline").boundingBox()];
        const clip = { x: room.x, y: box.y, width: room.width, height: box.height + MARGIN };
        await this.page.screenshot({ path: file, clip, animations: "disabled" });
        const findings = await message.evaluate(whatDoesNotFit);
        await this.page.setViewportSize({ width, height });
        return findings;
    }

    /** The whole screen as it is. */
    async whole(file) {
        await this.page.screenshot({ path: file });
    }
}

function reaction(message, key) {
    return message.locator(".Timeline_messageReactions button", { hasText: key });
}
