/**
 * The array buffers over a mapping. They are made when they are first needed, because each large one costs a garbage
 * collection, and everything handed out is a `subarray` of one.
 */
import { constants } from 'node:buffer'
import type { Mapping } from '#binding'
import type { ViewMode } from '../enums.ts'
import { MmapIoError } from '../errors.ts'
import type { Place, Views } from './views.ts'

/** What makes the buffers, in its view mode. */
export interface Buffers {
  readonly mode: ViewMode
  /** Most bytes of one buffer. */
  readonly longest: number
  /** Whether a longer mapping has several. */
  readonly splits: boolean
  /** A buffer over `length` bytes, `start` bytes behind the start of the mapped pages. */
  make(start: number, length: number): ArrayBufferLike
  /** A shared buffer over the first `length` mapped bytes. */
  share(length: number): SharedArrayBuffer
  /** Keeps every buffer in reach of a resize or a close, until the function that it returns is called. */
  hold?(): () => void
  /** Leaves the buffers to the garbage collector alone. */
  leave?(): void
  /** Empties every buffer made, as far as that can be done. */
  empty(): void
}

/** The longest view that this runtime can make: 4 GiB on Node 20, no limit that matters later. */
export const MAX_VIEW = constants.MAX_LENGTH

/** Where one buffer cannot hold a mapping, buffers of `MAX_VIEW` begin this far apart: any view of this length lies in one. */
const STRIDE = MAX_VIEW / 2

/** Longest piece in which bytes are copied, so that every copy fits a view. */
const MAX_PIECE = Math.min(STRIDE, 2 ** 31)

const marked = new WeakSet<ArrayBufferLike>()
let buffersMade = 0

function mark<T extends ArrayBufferLike>(buffer: T): T {
  if (!marked.has(buffer)) buffersMade++
  marked.add(buffer)
  return buffer
}

/** Whether a buffer shows mapped memory. */
export const isMapped = (buffer: ArrayBufferLike): boolean => marked.has(buffer)

/**
 * Whether `other` may show the same bytes of a file as `mapped` at different addresses: a copy between the two could then overwrite
 * what it has yet to read. Within one buffer `set` takes care of that itself.
 */
function mayOverlap(mapped: ArrayBufferLike, other: Uint8Array): boolean {
  // It takes two mapped buffers. Asking a view for its buffer costs as much as storing 64 bytes.
  if (buffersMade < 2) return false
  const buffer = other.buffer
  return marked.has(buffer) && buffer !== mapped
}

/** Views that show the mapped memory itself. */
export class MappedViews implements Views {
  readonly mode: ViewMode
  readonly live = true
  readonly longest: number
  readonly #native: Mapping
  readonly #buffers: Buffers
  readonly #lead: number
  /** The buffer at position 0: the whole mapping unless that is too long for one. */
  #root: Buffer = Buffer.alloc(0)
  /** What `#root` is a view of: asking it costs a call. */
  #memory: ArrayBufferLike = this.#root.buffer
  /** The buffers behind it, by position divided by `STRIDE`. */
  readonly #others = new Map<number, Buffer>()

  constructor(native: Mapping, buffers: Buffers) {
    this.mode = buffers.mode
    this.longest = buffers.splits ? Number.POSITIVE_INFINITY : buffers.longest
    this.#native = native
    this.#buffers = buffers
    this.#lead = native.lead
  }

  cut(offset: number, length: number): Buffer {
    const start = this.#lead + offset
    const root = this.#root
    // Views of nothing share no buffer: somebody may transfer it.
    if (length > 0 && start + length <= root.length) return root.subarray(start, start + length)
    return length === 0 ? Buffer.alloc(0) : this.#cutAnew(start, length)
  }

  write(offset: number, data: Uint8Array): void {
    // First of all what the bytes answer: they may be of a class whose getters close the mapping.
    const end = this.#lead + offset + data.length
    const source = mayOverlap(this.#memory, data) && end <= this.#root.length ? Buffer.from(data) : data
    if (end <= this.#root.length) this.#root.set(source, this.#lead + offset)
    else this.#inPieces(offset, data, (mapped, piece) => mapped.set(mayOverlap(mapped.buffer, piece) ? Buffer.from(piece) : piece))
  }

  read(offset: number, target: Uint8Array): void {
    const { length } = target
    const needsCopy = mayOverlap(this.#memory, target)
    if (this.#lead + offset + length <= this.#root.length) {
      // A third of the cost of `subarray`.
      const source = new Uint8Array(this.#memory, this.#lead + offset, length)
      target.set(needsCopy ? Buffer.from(source) : source)
    } else this.#inPieces(offset, target, (mapped, piece) => piece.set(mayOverlap(mapped.buffer, piece) ? Buffer.from(mapped) : mapped))
  }

  /** Pairs mapped bytes with those of `other`, in pieces that fit a view. */
  #inPieces(offset: number, other: Uint8Array, copy: (mapped: Buffer, piece: Uint8Array) => void): void {
    for (let at = 0; at < other.length; at += MAX_PIECE) {
      const piece = other.length <= MAX_PIECE ? other : other.subarray(at, at + MAX_PIECE)
      copy(this.cut(offset + at, piece.length), piece)
    }
  }

  locate(offset: number, length: number): Place {
    return this.cut(offset, length) as Buffer<ArrayBuffer>
  }

  whole(length: number): SharedArrayBuffer {
    if (this.#lead > 0) {
      throw new MmapIoError(
        'Unsupported',
        `A shared buffer begins at a page, but this window begins ${this.#lead} bytes behind one; open it at a multiple of pageSize()`,
      )
    }
    return length === 0 ? new SharedArrayBuffer(0) : mark(this.#buffers.share(length))
  }

  hold(): () => void {
    return this.#buffers.hold?.() ?? (() => {})
  }

  leave(): void {
    this.#buffers.leave?.()
  }

  /** Makes the first buffer now. */
  prepare(): this {
    if (this.#native.capacity > 0) this.#cutAnew(0, 0)
    return this
  }

  empty(): void {
    this.#setRoot(Buffer.alloc(0))
    this.#others.clear()
    this.#buffers.empty()
  }

  #cutAnew(start: number, length: number): Buffer {
    const capacity = this.#native.capacity
    const { longest } = this.#buffers
    if (capacity <= longest) {
      this.#setRoot(this.#make(0, capacity))
      return this.#root.subarray(start, start + length)
    }
    const index = Math.floor(start / STRIDE)
    const first = index * STRIDE
    const whole = Math.min(longest, capacity - first)
    if (start + length > first + whole) {
      throw new MmapIoError(
        'Unsupported',
        `A view of ${length} bytes is too long here: this runtime limits one buffer to ${longest} bytes, so views of up to ` +
          `${STRIDE} bytes can be had at any offset; use readInto, or a newer Node`,
      )
    }
    const known = index === 0 ? this.#root : this.#others.get(index)
    const buffer = known?.length === whole ? known : this.#make(first, whole)
    if (index === 0) this.#setRoot(buffer)
    else this.#others.set(index, buffer)
    return buffer.subarray(start - first, start - first + length)
  }

  #setRoot(root: Buffer): void {
    this.#root = root
    this.#memory = root.buffer
  }

  #make(start: number, length: number): Buffer {
    return Buffer.from(mark(this.#buffers.make(start, length)) as ArrayBuffer, 0, length)
  }
}
