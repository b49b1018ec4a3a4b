/** Writable bytes plus the moment at which they count as written. */
import { closedError } from './errors.ts'

/**
 * Writable bytes of a mapping. Stores reach the mapping at once; `release()`, or the end of a `using` block, is when they count
 * as written and the flush policy is applied.
 */
export interface MappedSliceMut {
  /** The bytes. Closed after release, and after the mapping was closed. */
  readonly bytes: Buffer
  /** First byte, counted from the start of the mapping. */
  readonly offset: number
  /** Bytes. */
  readonly length: number
  /**
   * Counts the bytes as written and applies the flush policy (FlushFailed when that fails; the bytes stay written). Idempotent.
   * Afterwards reading `bytes` throws Closed; stores into a Buffer kept aside are not counted. On a mapping that was closed
   * meanwhile there is nothing left to count.
   */
  release(): void
  [Symbol.dispose](): void
}

/** What a slice needs of its mapping. */
export interface SliceOwner {
  readonly closed: boolean
  release(offset: number, length: number, bytes: Buffer): void
}

export class SliceMut implements MappedSliceMut {
  readonly offset: number
  readonly length: number
  readonly #owner: SliceOwner
  #bytes: Buffer | undefined

  constructor(owner: SliceOwner, offset: number, bytes: Buffer) {
    this.#owner = owner
    this.#bytes = bytes
    this.offset = offset
    this.length = bytes.length
  }

  get bytes(): Buffer {
    if (this.#owner.closed) throw closedError()
    if (this.#bytes === undefined) throw closedError('The slice was released: ask the mapping for another')
    return this.#bytes
  }

  release(): void {
    const bytes = this.#bytes
    if (bytes === undefined) return
    this.#bytes = undefined
    if (!this.#owner.closed) this.#owner.release(this.offset, this.length, bytes)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}
