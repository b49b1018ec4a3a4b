/** How JavaScript reaches the bytes of a mapping: the face that all view modes share. */
import type { Mapping } from '#binding'
import type { ViewMode } from '../enums.ts'
import { MmapIoError } from '../errors.ts'
import { CopyViews } from './copy.ts'
import { ExternalBuffers } from './external.ts'
import { MappedViews } from './mapped.ts'
import { chooseView } from './mode.ts'
import { SharedBuffers } from './shared.ts'
import { WasmBuffers } from './wasm.ts'

/** A shared buffer passes for a plain one here: typed arrays and data views take both, their declared constructors do not. */
export interface Place {
  readonly buffer: ArrayBuffer
  readonly byteOffset: number
}

/** Offsets count from the start of the mapping; ranges were checked by the caller. */
export interface Views {
  readonly mode: ViewMode
  /** Whether `cut` and `locate` show the mapping's own memory; else they copy it, and stores into the copy reach nothing. */
  readonly live: boolean
  /** Bytes of the longest mapping that can be shown, the lead included. */
  readonly longest: number
  /** A Buffer over bytes. */
  cut(offset: number, length: number): Buffer
  /** Where bytes lie, for other kinds of views: aligned as their position in the file, or better. */
  locate(offset: number, length: number): Place
  /** Copies bytes out. */
  read(offset: number, target: Uint8Array): void
  /** Copies bytes in. */
  write(offset: number, data: Uint8Array): void
  /** A shared buffer over the whole mapping, which is `length` bytes long now. */
  whole(length: number): SharedArrayBuffer
  /** Keeps every view in reach of a resize or a close, until the function that it returns is called. */
  hold(): () => void
  /** Leaves the memory to the garbage collector alone, for a mapping that nobody resizes, closes or shares. */
  leave(): void
  /** Empties every view of this thread that can be emptied. */
  empty(): void
}

/** The views of a mapping. */
export function createViews(wanted: 'auto' | ViewMode, native: Mapping): Views {
  const mode = chooseView(wanted, native.capacity)
  switch (mode) {
    case 'external':
      return new MappedViews(native, new ExternalBuffers(native))
    case 'shared':
      return new MappedViews(native, new SharedBuffers(native))
    case 'wasm':
      return createWasmViews(wanted, native)
    case 'copy':
      return new CopyViews(native)
  }
}

/**
 * The memory is made at once: private bytes must be there before anybody stores to them, and there can be few such memories, which is
 * known when one is made.
 */
function createWasmViews(wanted: 'auto' | ViewMode, native: Mapping): Views {
  try {
    return new MappedViews(native, new WasmBuffers(native)).prepare()
  } catch (error) {
    if (wanted === 'auto' && error instanceof MmapIoError && error.kind === 'Unsupported') return new CopyViews(native)
    throw error
  }
}
