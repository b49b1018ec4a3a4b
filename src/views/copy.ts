/** View mode 'copy': bytes that JavaScript owns, copied by native calls. For runtimes where its memory and the file's cannot be one. */
import { types } from 'node:util'
import type { Mapping } from '#binding'
import { MmapIoError, settle } from '../errors.ts'
import { isMapped, MAX_VIEW } from './mapped.ts'
import type { Place, Views } from './views.ts'

export class CopyViews implements Views {
  readonly mode = 'copy'
  readonly live = false
  readonly longest = Number.POSITIVE_INFINITY
  readonly #native: Mapping

  constructor(native: Mapping) {
    this.#native = native
  }

  cut(offset: number, length: number): Buffer<ArrayBuffer> {
    if (length > MAX_VIEW) {
      throw new MmapIoError('Unsupported', `This runtime limits one buffer to ${MAX_VIEW} bytes; read ${length} bytes in parts`)
    }
    const copy = Buffer.allocUnsafeSlow(length)
    if (length > 0) this.#fill(offset, copy)
    return copy
  }

  locate(offset: number, length: number): Place {
    return this.cut(offset, length)
  }

  read(offset: number, target: Uint8Array): void {
    if (isOwn(target)) this.#fill(offset, target)
    else target.set(this.cut(offset, target.length))
  }

  write(offset: number, data: Uint8Array): void {
    settle(this.#native.write(offset, isOwn(data) ? data : Buffer.from(data)), null)
  }

  whole(): never {
    throw new MmapIoError('Unsupported', "View mode 'copy' has no memory to share; share() gives other threads the mapping itself")
  }

  hold(): () => void {
    return () => {}
  }

  leave(): void {}

  empty(): void {}

  #fill(offset: number, target: Uint8Array): void {
    settle(this.#native.read(offset, target), null)
  }
}

/** Whether native code may take the bytes for its own during a call: no other thread sees them, nor any mapping. */
const isOwn = (bytes: Uint8Array): boolean => !types.isSharedArrayBuffer(bytes.buffer) && !isMapped(bytes.buffer)
