/** Searching: arguments as Buffer takes them, the search itself in native code. */
import type { Failure, Mapping } from '#binding'
import { abortable, checkSignal } from './abort.ts'
import { checkPositive } from './arguments.ts'
import { type Bytes, toBytes } from './bytes.ts'
import { MmapIoError, outOfBounds, settle } from './errors.ts'
import { outOfRange, wrongType } from './misuse.ts'
import { pick } from './options.ts'

/** Where and how long `search` looks. */
export interface SearchOptions {
  /**
   * First byte looked at; negative: counted from the end.
   *
   * @default 0
   */
  from?: number
  /** End of the bytes looked at; negative: counted from the end. Default: the end. */
  to?: number
  /** How many matches are enough. Default: all, 16,777,216 at most. */
  limit?: number
  /** Ends the search early; it rejects with the signal's reason. */
  signal?: AbortSignal
}

/** What a search needs of its mapping. */
export interface Owner {
  readonly path: string | null
  /** Length of the mapping, or an error when it is closed. */
  openLength(): number
  /** Throws when the mapping is closed or does not have the range any more. */
  check(offset: number, length: number): void
  /** Throws when pages of the range were lost. */
  refuseLost(offset: number, length: number): void
  asSlice(offset: number, length: number): Buffer
}

/**
 * So many bytes are searched through a view first: a call into native code costs as much as they do, and what follows itself often is
 * near, such as the next newline.
 */
const NEAR = 512

/** Matches fetched by one native call in `findAll`. The first calls fetch fewer: the first match may be all that is wanted. */
const BATCH = 1024

/** Matches that `search` gives at most: an array of them takes 128 MiB. */
const MOST = 2 ** 24

const BYTE_OR_BYTES = 'a string, an ArrayBufferView, an ArrayBuffer, a SharedArrayBuffer or a byte (0 to 255)'

/** What is looked for: bytes, or one byte. */
type Needle = Uint8Array | number

function toNeedle(needle: Bytes | number): Needle {
  if (typeof needle !== 'number') return toBytes('needle', needle, BYTE_OR_BYTES)
  if (Number.isInteger(needle) && needle >= 0 && needle <= 255) return needle
  throw outOfRange('needle', 'a byte (an integer from 0 to 255)', needle)
}

function toFullNeedle(needle: Bytes | number): Uint8Array {
  const checked = toNeedle(needle)
  if (lengthOf(checked) === 0) throw outOfRange('needle', 'at least one byte', needle)
  return own(checked)
}

const lengthOf = (needle: Needle): number => (typeof needle === 'number' ? 1 : needle.length)

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte)

/** A copy that nobody changes while native code reads it. */
const own = (needle: Needle): Uint8Array => (typeof needle === 'number' ? everyByte.subarray(needle, needle + 1) : Buffer.from(needle))

function checkPosition(name: string, position: number | undefined): void {
  if (position !== undefined && typeof position !== 'number') throw wrongType(name, 'a number', position)
}

/** A position as Buffer understands it: negative counts from the end, NaN counts as left out. It may lie on either side of the bytes. */
function toIndex(position: number | undefined, total: number, otherwise: number): number {
  if (position === undefined || Number.isNaN(position)) return otherwise
  const index = Math.trunc(position)
  return index < 0 ? total + index : index
}

const clamp = (index: number, total: number): number => Math.min(Math.max(index, 0), total)

export class Search {
  readonly #native: Mapping
  readonly #owner: Owner

  constructor(native: Mapping, owner: Owner) {
    this.#native = native
    this.#owner = owner
  }

  indexOf(needle: Bytes | number, from: number | undefined): number {
    const sought = toNeedle(needle)
    checkPosition('from', from)
    const total = this.#owner.openLength()
    const length = lengthOf(sought)
    const start = Math.max(0, toIndex(from, total, 0))
    if (length === 0) return Math.min(start, total)
    const space = total - start
    if (length > space) return -1
    const near = this.#owner.asSlice(start, Math.min(space, NEAR)).indexOf(sought)
    if (near >= 0) return this.#foundAt(start + near, length)
    if (space <= NEAR) return this.#noneIn(start, space)
    return this.#settle(this.#native.find(own(sought), start, total))
  }

  lastIndexOf(needle: Bytes | number, from: number | undefined): number {
    const sought = toNeedle(needle)
    checkPosition('from', from)
    const total = this.#owner.openLength()
    const length = lengthOf(sought)
    const index = toIndex(from, total, total)
    if (length === 0) return clamp(index, total)
    const end = Math.min(index, total - length) + length
    if (end < length) return -1
    const start = Math.max(0, end - NEAR)
    const near = this.#owner.asSlice(start, end - start).lastIndexOf(sought)
    if (near >= 0) return this.#foundAt(start + near, length)
    if (start === 0) return this.#noneIn(0, end)
    return this.#settle(this.#native.findLast(own(sought), 0, end))
  }

  /** A match is one in bytes that were not lost or cut off meanwhile. */
  #foundAt(offset: number, length: number): number {
    this.#owner.check(offset, length)
    return offset
  }

  /** The same is true of there being none. */
  #noneIn(offset: number, length: number): -1 {
    this.#owner.check(offset, length)
    return -1
  }

  count(needle: Bytes | number): number {
    const bytes = toFullNeedle(needle)
    return this.#settle(this.#native.count(bytes, 0, this.#owner.openLength()))
  }

  findAll(needle: Bytes | number): IterableIterator<number> {
    return this.#each(toFullNeedle(needle), this.#owner.openLength())
  }

  *#each(needle: Uint8Array, total: number): IterableIterator<number> {
    for (const offsets of this.matches(needle, 0, total)) {
      for (const offset of offsets) {
        this.#owner.check(offset, needle.length)
        yield offset
      }
    }
    this.#owner.openLength()
  }

  /** Matches in a range that was checked, some at a time. The needle is the caller's own and has at least one byte. */
  *matches(needle: Uint8Array, from: number, to: number): Iterable<Float64Array> {
    for (let wanted = 1; ; wanted = Math.min(2 * wanted, BATCH)) {
      const total = this.#owner.openLength()
      const offsets = yield* this.#found(needle, from, Math.min(to, total), wanted)
      const last = offsets.at(-1)
      if (last !== undefined) from = last + needle.length
      if (offsets.length === wanted) continue
      // A shrink has cut off what was still to be searched: an end here would hide that.
      if (from < to && total < to) throw outOfBounds(from, to - from, total)
      return
    }
  }

  /** The first matches. Where pages were lost, those before them, and then the error. */
  *#found(needle: Uint8Array, from: number, to: number, wanted: number): Generator<Float64Array, Float64Array> {
    const found = this.#native.findAll(needle, from, to, wanted)
    const [lost] = ('ranges' in found && found.ranges?.[0]) || []
    if (lost !== undefined && lost > from) yield this.#settle(this.#native.findAll(needle, from, lost, wanted))
    const offsets = this.#settle(found)
    yield offsets
    return offsets
  }

  async search(needle: Bytes | number, options: SearchOptions | undefined): Promise<number[]> {
    const bytes = toFullNeedle(needle)
    const { from, to, limit = MOST + 1, signal } = pick(options, ['from', 'to', 'limit', 'signal'])
    checkPosition('options.from', from)
    checkPosition('options.to', to)
    checkPositive('options.limit', limit)
    checkSignal('options.signal', signal)
    const total = this.#owner.openLength()
    const start = clamp(toIndex(from, total, 0), total)
    const end = Math.max(start, clamp(toIndex(to, total, total), total))
    return abortable(signal, async () => {
      const found: Float64Array[] = []
      let at = start
      for (let wanted = Math.min(limit, MOST + 1); at < end && wanted > 0 && !signal?.aborted; ) {
        this.#owner.openLength()
        const { offsets, searched } = this.#settle(await this.#native.search(bytes, at, end, wanted))
        found.push(offsets)
        wanted -= offsets.length
        at = searched
      }
      this.#owner.refuseLost(start, at - start)
      return toArray(found)
    })
  }

  #settle<T>(result: T | Failure): T {
    return settle(result, this.#owner.path)
  }
}

function toArray(parts: readonly Float64Array[]): number[] {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  if (length > MOST) {
    throw new MmapIoError('Unsupported', `More than ${MOST} matches do not fit an array; give a limit or a range, or use findAll`)
  }
  // A third of the time of Array.from, which would be felt.
  const array = new Array<number>(length)
  let next = 0
  for (const part of parts) {
    for (let index = 0; index < part.length; index++) array[next++] = part[index] as number
  }
  return array
}
