/** The Range header (RFC 9110, section 14). */

export interface ByteRange {
  readonly offset: number
  readonly length: number
}

/**
 * The range of `total` bytes that a header asks for. 'all': there is no header, or one that is to be ignored because it is malformed, of
 * another unit, or asks for several ranges. 'none': no such bytes.
 */
export function parseRange(header: string | null, total: number): ByteRange | 'all' | 'none' {
  const [, first, last] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || first + last === '') return 'all'
  if (first === '') {
    const length = Math.min(Number(last), total)
    // A range of an empty file cannot be told in a response, and the last bytes of nothing are all of it.
    return Number(last) === 0 ? 'none' : total === 0 ? 'all' : { offset: total - length, length }
  }
  const offset = Number(first)
  const end = last === '' ? total : Number(last) + 1
  // Compared as they are written, since two numbers above 2^53 may be equal.
  if (last !== '' && BigInt(last) < BigInt(first)) return 'all'
  return offset >= total ? 'none' : { offset, length: Math.min(end, total) - offset }
}
