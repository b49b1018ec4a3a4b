/** Emptying the buffers that somebody may still refer to. */
import { detach, externalProbe } from '#binding'

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

/**
 * Empties a buffer and tells whether it is empty now by our doing. Its owner may have forbidden that (`markAsUntransferable`), and it
 * reads zeros after close then; or have transferred it away, so that its memory is in use elsewhere.
 */
export function emptied(buffer: ArrayBuffer): boolean {
  if (byteLength.call(buffer) === 0) return false
  try {
    if (transfer !== undefined && transfers) transfer.call(buffer, 0)
    else detach(buffer)
  } catch {
    return false
  }
  return byteLength.call(buffer) === 0
}
