// What of a message does not fit: looked for in the page, where the browser has laid it out.

/** Runs in the page, so it may use nothing from outside. Gives sentences. */
export function whatDoesNotFit(message) {
    /** A longer word, such as a subject, has to be broken on a phone. */
    const longest = 16;
    const edge = message.closest(".Timeline").getBoundingClientRect().right;
    const findings = [];
    const quote = (element) => `<${element.localName}> "${element.textContent.trim().slice(0, 40)}"`;

    for (const element of message.querySelectorAll("table, td, th, p, li, pre, code, a")) {
        const over = Math.ceil(element.getBoundingClientRect().right - edge);
        const within = element.scrollWidth - element.clientWidth;
        if (over > 0) findings.push(`${quote(element)} is ${over} px beyond the edge`);
        else if (within > 1 && element.clientWidth > 0) findings.push(`${quote(element)} overflows by ${within} px`);
    }

    for (const table of message.querySelectorAll("table")) {
        const columns = table.rows[0]?.cells.length ?? 0;
        findings.push(`a table of ${columns} columns, which Element X on a phone does not draw`);
    }

    const broken = new Set();
    const texts = document.createTreeWalker(message, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        for (const { 0: word, index } of texts.currentNode.data.matchAll(/[\p{L}\p{N}_]{2,}/gu)) {
            const range = document.createRange();
            range.setStart(texts.currentNode, index);
            range.setEnd(texts.currentNode, index + word.length);
            const lines = new Set([...range.getClientRects()].map((rect) => Math.round(rect.top)));
            if (word.length <= longest && lines.size > 1) broken.add(word);
        }
    }
    if (broken.size > 0) findings.push(`words broken within: ${[...broken].slice(0, 12).join(", ")}`);
    return findings;
}
