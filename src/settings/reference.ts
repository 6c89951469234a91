/** docs/settings.md, made of the catalogue. Pure. */
import { type Option, options } from './catalogue.js';
import { defaultsOf } from './help.js';

const BEFORE = `# Settings

<!-- Generated from the catalogue in src/settings by \`npm run docs\`; edit that. -->

    holdfast [OPTIONS] APP

APP is a file (\`./server.js\`) or a package; what it exports by default is served, or with \`./server.js#app\` its export \`app\`.
What is not given on the command line comes from \`HOLDFAST_CMD_ARGS\`, then from the environment variable that stands under *default*, then from the default itself.
Of an option that is given twice the last one counts, but for \`--bind\`, where each adds an address. Times are in seconds.

\`HOLDFAST_CMD_ARGS\` has options as you would type them, taken apart as by a shell that expands nothing (quotes and backslashes): what is the same on each machine,
in a unit or an image, while the command line stays short.

    HOLDFAST_CMD_ARGS='--workers 4 --name "my shop"' holdfast ./server.js

An option of the command line takes the place of what the variable says about it: \`-b\` does not add to its addresses. A switch that stands there cannot be switched off
(but \`--initgroups\` and \`--no-initgroups\` overrule each other). The app is named on the command line alone. An upgrade reads the variable again as it was at the first start, for a process
keeps its environment. Your app sees it, and a Holdfast that your app starts would heed it.

| option | default | meaning |
|---|---|---|
`;

/** The whole text of docs/settings.md. */
export function settingsReference(): string {
  return `${BEFORE}${options().map(row).join('\n')}\n`;
}

function row(option: Option<unknown>): string {
  const { flag, short, type, sentence } = option;
  const name = `${short === undefined ? '' : `-${short}, `}--${flag}${type === undefined ? '' : ` ${type}`}`;
  const defaults = defaultsOf(option).map((text) => `\`${text}\``);
  return `| \`${name}\` | ${defaults.join(' or ') || (type === undefined ? 'off' : 'none')} | ${cell(sentence)} |`;
}

/** A bar would end the cell, and an asterisk, an underscore or an angle bracket begin something. */
function cell(text: string): string {
  return text.replaceAll(/[|*_<>[\]]/g, '\\$&');
}
