/** View mode 'external': ArrayBuffers over the mapped memory itself. */
import type { Mapping } from '#binding'
import { hasExternalShared } from '#binding'
import { settle } from '../errors.ts'
import { emptied } from './emptied.ts'
import { type Buffers, MAX_VIEW } from './mapped.ts'
import { SharedBuffers } from './shared.ts'
import { SharedMemories } from './wasm.ts'

const canShare = hasExternalShared()

export class ExternalBuffers implements Buffers {
  readonly mode = 'external'
  readonly longest = MAX_VIEW
  readonly splits = true
  readonly #native: Mapping
  /** Every buffer made and not known to be gone, by number. */
  readonly #alive = new Map<number, WeakRef<ArrayBuffer>>()
  #made = 0
  #shared: SharedBuffers | SharedMemories | undefined

  constructor(native: Mapping) {
    this.#native = native
  }

  make(start: number, length: number): ArrayBuffer {
    const number = this.#made++
    const buffer = settle(this.#native.buffer(number, start, length), null)
    for (const [old, reference] of this.#alive) if (reference.deref() === undefined) this.#alive.delete(old)
    this.#alive.set(number, new WeakRef(buffer))
    return buffer
  }

  share(length: number): SharedArrayBuffer {
    this.#shared ??= new (canShare ? SharedBuffers : SharedMemories)(this.#native)
    return this.#shared.share(length)
  }

  empty(): void {
    for (const [number, reference] of this.#alive) {
      const buffer = reference.deref()
      if (buffer !== undefined && emptied(buffer)) this.#native.emptied(number)
    }
    this.#alive.clear()
  }
}
