/** A mapping line by line. */
import { checkCount, checkOptionalCount } from './arguments.ts'
import { MmapIoError } from './errors.ts'
import { wrongType, wrongValue } from './misuse.ts'
import { pick } from './options.ts'

export interface LinesOptions<Encoding extends BufferEncoding | 'buffer' = BufferEncoding> {
  /**
   * How bytes become text. A line ends at a byte 0x0a; in 'utf16le' (and 'ucs2') at a code unit 0x000a, counted from `offset`.
   *
   * @default 'utf8'
   */
  encoding?: Encoding
  /**
   * First byte.
   *
   * @default 0
   */
  offset?: number
  /** Bytes. Default: to the end. */
  length?: number
}

/** What lines need of their mapping. */
export interface Lined {
  /** Throws when the mapping is closed or does not have the range any more. */
  check(offset: number, length: number): void
  /** Throws when pages of the range were lost. */
  refuseLost(offset: number, length: number): void
  asSlice(offset: number, length: number): Buffer
  /** Where matches begin in a range that was checked, some at a time. */
  matches(needle: Uint8Array, from: number, to: number): Iterable<Float64Array>
}

/** Lines are cut from one view as long as they lie in so many bytes: a view of each would cost as much as its text. */
const NEAR = 2 ** 16

/** Checked options. */
export function linesRequest(options: LinesOptions<BufferEncoding | 'buffer'> | undefined) {
  const { encoding = 'utf8', offset = 0, length } = pick(options, ['encoding', 'offset', 'length'])
  if (typeof encoding !== 'string') throw wrongType('options.encoding', 'a string', encoding)
  if (encoding !== 'buffer' && !Buffer.isEncoding(encoding)) throw wrongValue('options.encoding', "an encoding or 'buffer'", encoding)
  checkCount('options.offset', offset)
  checkOptionalCount('options.length', length)
  return { encoding, offset, length }
}

/** Lines of a range that was checked. */
export function* lines(
  lined: Lined,
  offset: number,
  length: number,
  encoding: BufferEncoding | 'buffer',
): IterableIterator<string | Buffer> {
  const text = new Text(lined, encoding)
  const { unit } = text
  const end = offset + length
  let start = offset
  for (const newlines of lined.matches(Uint8Array.of(0x0a, 0).subarray(0, unit), offset, end)) {
    const last = newlines.at(-1) ?? end
    for (const at of newlines) {
      // At an odd place it is the last byte of one code unit and the first of the next.
      if ((at - offset) % unit !== 0) continue
      yield text.line(start, at, last)
      // The zeros in place of what was lost meanwhile were no text.
      lined.refuseLost(start, at - start)
      start = at + unit
    }
  }
  if (start < end) {
    yield text.rest(start, end)
    lined.refuseLost(start, end - start)
  }
  lined.check(0, 0)
}

/** Text of a mapping, cut out of few views: a view of each line would cost as much as its text. */
class Text {
  /** Bytes of a code unit. */
  readonly unit: 1 | 2
  readonly #lined: Lined
  readonly #encoding: BufferEncoding | 'buffer'
  #view: Buffer = Buffer.alloc(0)
  #viewStart = 0

  constructor(lined: Lined, encoding: BufferEncoding | 'buffer') {
    this.unit = /^(utf-?16le|ucs-?2)$/i.test(encoding) ? 2 : 1
    this.#lined = lined
    this.#encoding = encoding
  }

  /** A line that ends at `end`, with a newline there. More are going to be asked for, up to `last`. */
  line(start: number, end: number, last: number): string | Buffer {
    this.#show(start, end, last)
    const at = end - this.unit
    return this.#decode(start, at >= start && this.#isReturn(at) ? at : end)
  }

  /** What is behind the last newline. */
  rest(start: number, end: number): string | Buffer {
    this.#show(start, end, end)
    return this.#decode(start, end)
  }

  #show(start: number, end: number, last: number): void {
    this.#lined.check(start, end - start)
    // A view that was emptied by a resize is too short as well.
    if (end <= this.#viewStart + this.#view.length) return
    this.#viewStart = start
    this.#view = this.#lined.asSlice(start, Math.max(end, Math.min(last, start + NEAR)) - start)
  }

  #isReturn(position: number): boolean {
    const at = position - this.#viewStart
    return this.#view[at] === 0x0d && (this.unit === 1 || this.#view[at + 1] === 0)
  }

  #decode(start: number, end: number): string | Buffer {
    const from = start - this.#viewStart
    const to = end - this.#viewStart
    if (this.#encoding === 'buffer') return this.#view.subarray(from, to)
    const text = this.#toString(from, to)
    // What another thread has cut off meanwhile was no text.
    this.#lined.check(start, end - start)
    return text
  }

  #toString(from: number, to: number): string {
    try {
      return this.#view.toString(this.#encoding as BufferEncoding, from, to)
    } catch (cause) {
      const at = this.#viewStart + from
      const message = `The line at byte ${at} has ${to - from} bytes, more than a string can hold; use encoding 'buffer'`
      throw new MmapIoError('Unsupported', message, { cause })
    }
  }
}
