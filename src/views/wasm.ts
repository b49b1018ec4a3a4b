/**
 * View mode 'wasm': the file mapped over the pages of a WebAssembly.Memory, for runtimes whose JavaScript memory lies in a cage
 * (Electron). Such a memory is the one kind whose pages hold nothing else and are not used again before they were unmapped.
 *
 * Who keeps what: a view refers to its buffer, and that to its tie. The native side refers to the memory by the tie's token, which is
 * what makes it safe for other threads to exchange its pages; it does so for the newest memory of a mapping, as long as there is the
 * mapping. Older ones are asleep: nobody exchanges their pages, except while they are held for a resize or a close of this thread.
 */
import type { Mapping, Overlay } from '#binding'
import { MmapIoError, settle } from '../errors.ts'
import { emptied } from './emptied.ts'
import type { Buffers } from './mapped.ts'

interface Memory<B extends ArrayBufferLike> {
  readonly buffer: B
  grow(pages: number): number
}
type MemoryConstructor = new (descriptor: { initial: number; maximum: number; shared: boolean }) => Memory<ArrayBufferLike>

// Captured before anybody can replace them: what stands in for a WebAssembly.Memory might have memory that is used for other things.
const WasmMemory: MemoryConstructor | undefined = Reflect.get(globalThis, 'WebAssembly')?.Memory
const prototype = WasmMemory?.prototype ?? {}
const bufferOf = Object.getOwnPropertyDescriptor(prototype, 'buffer')?.get
const grow: ((this: Memory<ArrayBufferLike>, pages: number) => number) | undefined = Reflect.get(prototype, 'grow')

export const hasWasmMemory = bufferOf !== undefined && grow !== undefined

const STEP = 65_536

/** Most that one memory holds, on every runtime. */
export const MAX_WASM_VIEW = 2 ** 32

interface Tie {
  readonly memory: Memory<ArrayBufferLike>
  readonly overlay: Overlay
  /** Refers to the memory. */
  readonly token: Uint8Array
}

/** What a buffer needs for as long as it is used. */
const ties = new WeakMap<ArrayBufferLike, Tie>()

/** A memory of at least `length` bytes that no wasm code and nobody else knows. */
function createMemory(length: number, shared: boolean): [memory: Memory<ArrayBufferLike>, buffer: ArrayBufferLike] {
  if (WasmMemory === undefined || bufferOf === undefined) throw new MmapIoError('Unsupported', 'This runtime has no WebAssembly')
  if (length > MAX_WASM_VIEW) throw tooLong(length)
  const pages = Math.ceil(length / STEP)
  let memory: Memory<ArrayBufferLike>
  try {
    memory = new WasmMemory({ initial: pages, maximum: pages, shared })
  } catch (cause) {
    const message = `There is no room for a WebAssembly.Memory of ${length} bytes; close mappings that are not used any more`
    throw new MmapIoError('Unsupported', message, { cause })
  }
  const buffer: ArrayBufferLike = bufferOf.call(memory)
  // The runtime empties no buffer of such a memory, and every other one of a kind that is not shared.
  if (buffer.byteLength !== pages * STEP || (!shared && emptied(buffer as ArrayBuffer))) {
    throw new MmapIoError('Unsupported', 'WebAssembly.Memory is not what it should be in this runtime')
  }
  return [memory, buffer]
}

export const tooLong = (length: number): MmapIoError =>
  new MmapIoError(
    'Unsupported',
    `A mapping of ${length} bytes is too long for view mode 'wasm', which ends at ${MAX_WASM_VIEW} bytes; use view mode 'copy', or a window`,
  )

/** A new memory that `fill` puts something in the place of. It lasts as long as its buffer. */
export function fillMemory(length: number, fill: (bytes: Uint8Array, token: Uint8Array) => void): ArrayBuffer {
  const [memory, buffer] = createMemory(length, false)
  fill(new Uint8Array(buffer), Object.assign(new Uint8Array(1), { memory }))
  return buffer as ArrayBuffer
}

function mapOver(native: Mapping, length: number, shared: boolean): ArrayBufferLike {
  const [memory, buffer] = createMemory(length, shared)
  const token = Object.assign(new Uint8Array(1), { memory })
  const overlay = settle(native.mapOver(new Uint8Array(buffer), token, shared), null)
  ties.set(buffer, { memory, overlay, token })
  return buffer
}

/** Shared memories that show the start of a mapping. Their length is rounded up to 64 KiB. */
export class SharedMemories {
  readonly #native: Mapping
  #newest: WeakRef<SharedArrayBuffer> | undefined

  constructor(native: Mapping) {
    this.#native = native
  }

  share(length: number): SharedArrayBuffer {
    const newest = this.#newest?.deref()
    if (newest?.byteLength === Math.ceil(length / STEP) * STEP) return newest
    const buffer = mapOver(this.#native, length, true) as SharedArrayBuffer
    this.#newest = new WeakRef(buffer)
    return buffer
  }
}

export class WasmBuffers implements Buffers {
  readonly mode = 'wasm'
  readonly longest = MAX_WASM_VIEW
  readonly splits = false
  readonly #native: Mapping
  /** The one that `make` returned last. */
  #newest: WeakRef<ArrayBuffer> | undefined
  /** Those before it that are still in use. */
  #older: WeakRef<ArrayBuffer>[] = []
  readonly #shared: SharedMemories

  constructor(native: Mapping) {
    this.#native = native
    this.#shared = new SharedMemories(native)
  }

  make(start: number, length: number): ArrayBuffer {
    if (start > 0) throw tooLong(start + length)
    const buffer = mapOver(this.#native, length, false) as ArrayBuffer
    const before = this.#newest?.deref()
    if (this.#newest !== undefined && before !== undefined) {
      this.#older.push(this.#newest)
      ties.get(before)?.overlay.sleep()
    }
    this.#newest = new WeakRef(buffer)
    return buffer
  }

  share(length: number): SharedArrayBuffer {
    return this.#shared.share(length)
  }

  hold(): () => void {
    const held = this.#olderTies()
    for (const { overlay, token } of held) overlay.wake(token)
    return () => {
      for (const { overlay } of held) overlay.sleep()
    }
  }

  leave(): void {
    for (const { overlay } of tiesOf(this.#newest?.deref())) overlay.sleep()
  }

  empty(): void {
    this.hold()
    const newest = this.#newest?.deref()
    for (const { memory, overlay } of [...this.#olderTies(), ...tiesOf(newest)]) {
      overlay.retire()
      // The old buffer of a memory that grows, be it by nothing, is emptied.
      grow?.call(memory, 0)
    }
    this.#newest = undefined
    this.#older = []
  }

  #olderTies(): Tie[] {
    this.#older = this.#older.filter((reference) => reference.deref() !== undefined)
    return this.#older.flatMap((reference) => tiesOf(reference.deref()))
  }
}

function tiesOf(buffer: ArrayBufferLike | undefined): Tie[] {
  const tie = buffer && ties.get(buffer)
  return tie ? [tie] : []
}
