/** docs/settings.md, made of the catalogue. Pure. */
import { type Option, options } from './catalogue.js';
import { defaultsOf } from './help.js';

const BEFORE = `# Settings

<!-- Generated from the catalogue in src/settings by \`npm run docs\`; edit that. -->

    holdfast [OPTIONS] APP

What is not given on the command line comes from the environment variable that stands under *default*, then from the default itself.
Of an option that is given twice the last one counts, but for \`--bind\`, where each adds an address. Times are in seconds.

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
