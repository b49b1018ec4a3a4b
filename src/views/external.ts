/** View mode 'external': ArrayBuffers over the mapped memory itself. */
import type { Mapping } from '#binding'
import { detach, externalProbe } from '#binding'
import { settle } from '../errors.ts'
import type { Buffers } from './mapped.ts'
import { SharedBuffers } from './shared.ts'

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

export class ExternalBuffers implements Buffers {
  readonly #native: Mapping
  /** Every buffer made and not known to be gone, by number. */
  readonly #alive = new Map<number, WeakRef<ArrayBuffer>>()
  #made = 0
  #shared: SharedBuffers | undefined

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
    this.#shared ??= new SharedBuffers(this.#native)
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
