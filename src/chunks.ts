/** A mapping piece by piece. */
import { wrongType } from './misuse.ts'
import type { MappedSliceMut } from './slice-mut.ts'

/** Pieces of a mapping to write to. */
export interface ChunksMut extends Iterable<[offset: number, bytes: Buffer]> {
  /**
   * Calls `callback` with the offset and the bytes of each piece. Stops at, and rethrows, the first error of the callback; pieces before
   * it stay written. Throws what iterating throws.
   */
  forEachMut(callback: (offset: number, bytes: Buffer) => void): void
}

/** What a walk needs of its mapping. */
export interface Walked {
  /** Length of the mapping, or an error when it is closed. */
  openLength(): number
  /** Throws when pages of the range were lost. */
  refuseLost(offset: number, length: number): void
  asSlice(offset: number, length: number): Buffer
  asSliceMut(offset: number, length: number): MappedSliceMut
}

/** Where the pieces of `total` bytes lie. The mapping has to be open at each step, also at the one that finds no more. */
function* pieces(walked: Walked, size: number, total: number): Generator<[offset: number, length: number]> {
  for (let offset = 0; ; offset += size) {
    walked.openLength()
    if (offset >= total) return
    yield [offset, Math.min(size, total - offset)]
  }
}

export function* chunks(walked: Walked, size: number, total: number): IterableIterator<Buffer> {
  for (const [offset, length] of pieces(walked, size, total)) {
    yield walked.asSlice(offset, length)
    // The zeros in place of what was lost meanwhile were no data.
    walked.refuseLost(offset, length)
  }
}

function* chunksToWrite(walked: Walked, size: number, total: number): IterableIterator<[offset: number, bytes: Buffer]> {
  for (const [offset, length] of pieces(walked, size, total)) {
    const slice = walked.asSliceMut(offset, length)
    try {
      yield [offset, slice.bytes]
    } finally {
      slice.release()
    }
  }
}

export class Chunks implements ChunksMut {
  readonly #walked: Walked
  readonly #size: number

  constructor(walked: Walked, size: number) {
    this.#walked = walked
    this.#size = size
  }

  [Symbol.iterator](): IterableIterator<[offset: number, bytes: Buffer]> {
    return chunksToWrite(this.#walked, this.#size, this.#walked.openLength())
  }

  forEachMut(callback: (offset: number, bytes: Buffer) => void): void {
    if (typeof callback !== 'function') throw wrongType('callback', 'a function', callback)
    for (const [offset, bytes] of this) callback(offset, bytes)
  }
}
