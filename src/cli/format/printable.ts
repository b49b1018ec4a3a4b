/** Text from outside, such as a file name, made safe for a terminal and kept in one line. */

// Control characters, what a JavaScript string can hold but UTF-8 cannot, line separators, and the marks that reorder text: with
// these a name can clear the screen, fake a line of output or hide its own ending.
const unsafe = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

const short: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' }

const hex = (character: string, digits: number): string => character.charCodeAt(0).toString(16).padStart(digits, '0')

const escaped = (character: string): string =>
  short[character] ?? (character <= '\u00ff' ? `\\x${hex(character, 2)}` : `\\u${hex(character, 4)}`)

export const printable = (text: string): string => text.replace(unsafe, escaped)

/** JSON that is as safe: what JSON leaves as it is in strings is escaped there too. The line breaks between the values stay. */
export const printableJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(unsafe, (character) => (character === '\n' ? character : `\\u${hex(character, 4)}`))
