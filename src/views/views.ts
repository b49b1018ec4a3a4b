/** How JavaScript reaches the bytes of a mapping: the face that all view modes share. */
import type { Mapping } from '#binding'
import type { ViewMode } from '../enums.ts'
import { CopyViews } from './copy.ts'
import { ExternalBuffers } from './external.ts'
import { MappedViews } from './mapped.ts'
import { SharedBuffers } from './shared.ts'

/** A shared buffer passes for a plain one here: typed arrays and data views take both, their declared constructors do not. */
export interface Place {
  readonly buffer: ArrayBuffer
  readonly byteOffset: number
}

/** Offsets count from the start of the mapping; ranges were checked by the caller. */
export interface Views {
  /** Whether `cut` and `locate` show the mapping's own memory; else they copy it, and stores into the copy reach nothing. */
  readonly live: boolean
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
  /** Empties every view of this thread that can be emptied. */
  empty(): void
}

/** The views of a mapping in the mode that was chosen for it. */
export function createViews(mode: ViewMode, native: Mapping): Views {
  switch (mode) {
    case 'external':
      return new MappedViews(native, new ExternalBuffers(native))
    case 'shared':
      return new MappedViews(native, new SharedBuffers(native))
    default:
      return new CopyViews(native)
  }
}
