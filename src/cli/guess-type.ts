/** What a file holds, guessed from its first bytes. */

/** Enough for what file-type looks for; archives tell their kind only after some entries. */
export const SAMPLE = 2 ** 16

/** Text in formats that file-type knows. Every other format has bytes that text does not have. */
const textFormats = /^text\/|^application\/(?:xml|pdf|postscript|eps|rtf|pgp-encrypted)$/

// Control characters other than those that lay text out.
const controls = /[^\P{Cc}\t\n\v\f\r]/u

/** file-type takes what is behind the end for zeros, which some signatures hold. */
const SHORTEST = 8

/** The encoding of the bytes, should they be text. */
function encodingOf([first, second]: Uint8Array): 'UTF-8' | 'UTF-16LE' | 'UTF-16BE' {
  if (first === 0xff && second === 0xfe) return 'UTF-16LE'
  return first === 0xfe && second === 0xff ? 'UTF-16BE' : 'UTF-8'
}

/** Whether the bytes are text that people can read. A character that the sample cuts in two is fine, one that the file cuts is not. */
function isText(sample: Uint8Array, encoding: string, isWhole: boolean): boolean {
  try {
    return !controls.test(new TextDecoder(encoding, { fatal: true }).decode(sample, { stream: !isWhole }))
  } catch {
    return false
  }
}

/** A media type, 'text' and its encoding, 'empty' or 'data'. `sample` is the file's beginning, or all of it. */
export async function guessType(sample: Uint8Array, isWhole: boolean): Promise<string> {
  if (sample.length === 0) return 'empty'
  const encoding = encodingOf(sample)
  const text = isText(sample, encoding, isWhole)
  // Its mark passes for the beginning of an MP3.
  if (text && encoding !== 'UTF-8') return `text, ${encoding}`
  if (sample.length < SHORTEST) return text ? 'text, UTF-8' : 'data'
  // Loaded late: other commands, and help, do without.
  const { fileTypeFromBuffer } = await import('file-type')
  // A sample may end where a format goes on, and a format may be broken: no reason to tell nothing about the file.
  const known = (await fileTypeFromBuffer(sample).catch(() => undefined))?.mime
  if (!text) return known ?? 'data'
  // Some formats begin with letters: a text that starts with "BMW" is no bitmap.
  return known !== undefined && textFormats.test(known) ? known : 'text, UTF-8'
}
