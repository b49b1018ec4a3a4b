/** View mode 'shared': SharedArrayBuffers over the mapped memory itself. They cannot be emptied, and read zeros after the last close. */
import type { Mapping } from '#binding'
import { settle } from '../errors.ts'
import { type Buffers, MAX_VIEW } from './mapped.ts'

/**
 * What belongs to a shared buffer as this thread sees it: it holds the file open, which the memory itself does not, since it may be in
 * use in other threads; and it is what the garbage collector counts, which takes no notice of memory of this kind.
 */
const weights = new WeakMap<SharedArrayBuffer, ArrayBuffer>()

export class SharedBuffers implements Buffers {
  readonly mode = 'shared'
  readonly longest = MAX_VIEW
  readonly splits = true
  readonly #native: Mapping
  /** The buffer last made over the start of the mapping. */
  #first: WeakRef<SharedArrayBuffer> | undefined

  constructor(native: Mapping) {
    this.#native = native
  }

  make(start: number, length: number): SharedArrayBuffer {
    const buffer = settle(this.#native.sharedBuffer(start, length), null)
    weights.set(buffer, settle(this.#native.weight(), null))
    if (start === 0) this.#first = new WeakRef(buffer)
    return buffer
  }

  share(length: number): SharedArrayBuffer {
    const first = this.#first?.deref()
    return first?.byteLength === length ? first : this.make(0, length)
  }

  empty(): void {}
}
