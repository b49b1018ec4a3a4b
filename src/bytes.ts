/** Bytes that callers pass in. */
import { types } from 'node:util'
import { wrongType } from './misuse.ts'

/** Bytes to read from: any view, any buffer, or a string, which is taken as UTF-8. */
export type Bytes = string | ArrayBufferView | ArrayBufferLike

/** The element types that a mapping can be seen as. */
export type TypedArrayConstructor =
  | Int8ArrayConstructor
  | Uint8ArrayConstructor
  | Uint8ClampedArrayConstructor
  | Int16ArrayConstructor
  | Uint16ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | BigInt64ArrayConstructor
  | BigUint64ArrayConstructor

const typedArrays: ReadonlySet<unknown> = new Set([
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
])

export function checkTypedArray(type: TypedArrayConstructor): void {
  if (!typedArrays.has(type)) throw wrongType('type', 'a typed array constructor such as Float64Array', type)
}

const noBytes = new Uint8Array(0)

function bytesBy(prototype: object) {
  const get = (name: string) => Object.getOwnPropertyDescriptor(prototype, name)?.get as () => never
  const [buffer, byteOffset, byteLength] = [get('buffer'), get('byteOffset'), get('byteLength')]
  return (view: ArrayBufferView): Uint8Array => new Uint8Array(buffer.call(view), byteOffset.call(view), byteLength.call(view))
}

const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype)
const ofTypedArray = bytesBy(typedArrayPrototype)
const ofDataView = bytesBy(DataView.prototype)
const lengthOf = Object.getOwnPropertyDescriptor(typedArrayPrototype, 'length')?.get as (this: Uint8Array) => number

/**
 * A Uint8Array and nothing that only looks like one: a Proxy and a bare prototype are instances, too, and a subclass can tell any
 * length.
 */
export const isBytes = (data: unknown): data is Uint8Array =>
  data instanceof Uint8Array && ArrayBuffer.isView(data) && lengthOf.call(data) === data.length

/** The bytes of a view, as one that no subclass answers for; none where its buffer was detached or made too short for it. */
export function plainBytes(view: ArrayBufferView): Uint8Array {
  try {
    return types.isDataView(view) ? ofDataView(view) : ofTypedArray(view)
  } catch {
    return noBytes
  }
}

const BYTES = 'a string, an ArrayBufferView, an ArrayBuffer or a SharedArrayBuffer'

/** The bytes of an argument; no copy unless it is a string. */
export function toBytes(name: string, data: Bytes, expected = BYTES): Uint8Array {
  // A detached one has no bytes and cannot be copied.
  if (isBytes(data)) return data.length === 0 ? noBytes : data
  if (typeof data === 'string') return Buffer.from(data)
  if (ArrayBuffer.isView(data)) return plainBytes(data)
  if (types.isAnyArrayBuffer(data)) return data.byteLength === 0 ? noBytes : new Uint8Array(data)
  throw wrongType(name, expected, data)
}

/** The bytes of a target that gets filled. A bare buffer is refused: it does not say which of its bytes. */
export function toTarget(name: string, target: ArrayBufferView): Uint8Array {
  if (isBytes(target)) return target
  if (ArrayBuffer.isView(target)) return plainBytes(target)
  throw wrongType(name, 'an ArrayBufferView such as a Buffer', target)
}
