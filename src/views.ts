/**
 * The array buffers over a mapping. They are made when they are first needed, because each large one costs a garbage
 * collection, and everything handed out is a `subarray` of one.
 */
import { constants } from 'node:buffer'
import type { Failure } from '#binding'
import { detach, externalProbe } from '#binding'
import { MmapIoError, settle } from './errors.ts'

/** What this module needs of a native mapping. */
export interface Pages {
  readonly lead: number
  readonly capacity: number
  buffer(number: number, start: number, length: number): ArrayBuffer | Failure
  emptied(number: number): void
}

/** The longest view that this runtime can make: 4 GiB on Node 20, no limit that matters later. */
export const MAX_VIEW = constants.MAX_LENGTH

/** Where one buffer cannot hold a mapping, buffers of `MAX_VIEW` begin this far apart: any view of this length lies in one. */
const STRIDE = MAX_VIEW / 2

/** Longest piece in which bytes are copied, so that every copy fits a view. */
const MAX_PIECE = Math.min(STRIDE, 2 ** 31)

// Captured before anybody can replace them.
const transfer: ((this: ArrayBuffer, length: number) => ArrayBuffer) | undefined = Reflect.get(ArrayBuffer.prototype, 'transfer')
const byteLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength')?.get as (this: ArrayBuffer) => number

/**
 * Whether `transfer` empties memory like ours. Node 20 has no such method, and what a polyfill calls so there copies and leaves the
 * buffer as it is.
 */
const transfers =
  transfer !== undefined &&
  (() => {
    const probe = externalProbe()
    if (probe === undefined) return false
    transfer.call(probe, 0)
    return byteLength.call(probe) === 0
  })()

const marked = new WeakSet<ArrayBufferLike>()
let buffersMade = 0

/**
 * Whether `other` may show the same bytes of a file as `mapped` at different addresses: a copy between the two could then overwrite
 * what it has yet to read. Within one buffer `set` takes care of that itself.
 */
function mayOverlap(mapped: Uint8Array, other: Uint8Array): boolean {
  // It takes two mapped buffers. Asking a view for its buffer costs as much as storing 64 bytes.
  if (buffersMade < 2) return false
  const buffer = other.buffer
  return marked.has(buffer) && buffer !== mapped.buffer
}

export class Views {
  readonly #pages: Pages
  readonly #lead: number
  /** The buffer at position 0: the whole mapping unless that is too long for one. */
  #root: Buffer = Buffer.alloc(0)
  /** What `#root` is a view of: asking it costs a call. */
  #memory: ArrayBufferLike = this.#root.buffer
  /** The buffers behind it, by position divided by `STRIDE`. */
  readonly #others = new Map<number, Buffer>()
  /** Every buffer made and not known to be gone, by number. */
  readonly #alive = new Map<number, WeakRef<ArrayBuffer>>()
  #made = 0

  constructor(pages: Pages) {
    this.#pages = pages
    this.#lead = pages.lead
  }

  /** A Buffer over `length` bytes from `offset` of the window on; checked by the caller. */
  cut(offset: number, length: number): Buffer {
    const start = this.#lead + offset
    const root = this.#root
    // Views of nothing share no buffer: somebody may transfer it.
    if (length > 0 && start + length <= root.length) return root.subarray(start, start + length)
    return length === 0 ? Buffer.alloc(0) : this.#cutAnew(start, length)
  }

  /** Copies bytes in; the range was checked by the caller. */
  write(offset: number, data: Uint8Array): void {
    const start = this.#lead + offset
    const root = this.#root
    if (start + data.length <= root.length) root.set(mayOverlap(root, data) ? Buffer.from(data) : data, start)
    else this.#inPieces(offset, data, (mapped, piece) => mapped.set(mayOverlap(mapped, piece) ? Buffer.from(piece) : piece))
  }

  /** Copies bytes out; the range was checked by the caller. */
  read(offset: number, target: Uint8Array): void {
    const start = this.#lead + offset
    const root = this.#root
    if (start + target.length <= root.length) {
      // A third of the cost of `subarray`.
      const source = new Uint8Array(this.#memory, start, target.length)
      target.set(mayOverlap(root, target) ? Buffer.from(source) : source)
    } else this.#inPieces(offset, target, (mapped, piece) => piece.set(mayOverlap(mapped, piece) ? Buffer.from(mapped) : mapped))
  }

  /** Pairs mapped bytes with those of `other`, in pieces that fit a view. */
  #inPieces(offset: number, other: Uint8Array, copy: (mapped: Buffer, piece: Uint8Array) => void): void {
    for (let at = 0; at < other.length; at += MAX_PIECE) {
      const piece = other.length <= MAX_PIECE ? other : other.subarray(at, at + MAX_PIECE)
      copy(this.cut(offset + at, piece.length), piece)
    }
  }

  /** Where the bytes lie, for other kinds of views. */
  locate(offset: number, length: number): { buffer: ArrayBuffer; byteOffset: number } {
    const view = this.cut(offset, length)
    // Mapped memory is never shared in this view mode.
    return { buffer: view.buffer as ArrayBuffer, byteOffset: view.byteOffset }
  }

  /** Empties every buffer that is left of this mapping in this thread. */
  empty(): void {
    this.#setRoot(Buffer.alloc(0))
    this.#others.clear()
    for (const [number, reference] of this.#alive) {
      const buffer = reference.deref()
      if (buffer !== undefined && emptied(buffer)) this.#pages.emptied(number)
    }
    this.#alive.clear()
  }

  #cutAnew(start: number, length: number): Buffer {
    const capacity = this.#pages.capacity
    if (capacity <= MAX_VIEW) {
      this.#setRoot(this.#make(0, capacity))
      return this.#root.subarray(start, start + length)
    }
    const index = Math.floor(start / STRIDE)
    const first = index * STRIDE
    const whole = Math.min(MAX_VIEW, capacity - first)
    if (start + length > first + whole) {
      throw new MmapIoError(
        'Unsupported',
        `A view of ${length} bytes is too long here: this runtime limits one buffer to ${MAX_VIEW} bytes, so views of up to ` +
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
    const number = this.#made++
    const buffer = settle(this.#pages.buffer(number, start, length), null)
    for (const [old, reference] of this.#alive) if (reference.deref() === undefined) this.#alive.delete(old)
    this.#alive.set(number, new WeakRef(buffer))
    marked.add(buffer)
    buffersMade++
    return Buffer.from(buffer)
  }
}

/**
 * Empties a buffer and tells whether it is empty now by our doing. Its owner may have forbidden that (`markAsUntransferable`), and it
 * reads zeros after close then; or have transferred it away, so that its memory is in use elsewhere.
 */
function emptied(buffer: ArrayBuffer): boolean {
  if (byteLength.call(buffer) === 0) return false
  try {
    if (transfer !== undefined && transfers) transfer.call(buffer, 0)
    else detach(buffer)
  } catch {
    return false
  }
  return byteLength.call(buffer) === 0
}
