/** What a file holds, guessed from its first bytes. */

/** Enough for what file-type looks for; archives tell their kind only after some entries. */
export const SAMPLE = 2 ** 16

/** Text in formats that file-type knows. Every other format has bytes that text does not have. */
const textFormats = /^text\/|^application\/(?:xml|pdf|postscript|eps|rtf|pgp-encrypted)$/

// Control characters other than those that lay text out.
const controls = /[^\P{Cc}\t\n\v\f\r]/u

/** Whether the bytes are UTF-8 that people can read. A character that the sample cuts in two is fine, one that the file cuts is not. */
function isText(sample: Uint8Array, isWhole: boolean): boolean {
  try {
    return !controls.test(new TextDecoder('utf-8', { fatal: true }).decode(sample, { stream: !isWhole }))
  } catch {
    return false
  }
}

/** A media type, 'text, UTF-8', 'empty' or 'data'. `sample` is the file's beginning, or all of it. */
export async function guessType(sample: Uint8Array, isWhole: boolean): Promise<string> {
  if (sample.length === 0) return 'empty'
  // Loaded late: other commands, and help, do without.
  const { fileTypeFromBuffer } = await import('file-type')
  // A sample may end where a format goes on, and a format may be broken: no reason to tell nothing about the file.
  const known = (await fileTypeFromBuffer(sample).catch(() => undefined))?.mime
  if (!isText(sample, isWhole)) return known ?? 'data'
  // Some formats begin with letters: a text that starts with "BMW" is no bitmap.
  return known !== undefined && textFormats.test(known) ? known : 'text, UTF-8'
}
