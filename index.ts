/**
 * Memory-mapped files: a file of any size is a Buffer.
 *
 * @packageDocumentation
 */
export type { AtomicSlice, AtomicU32, AtomicU32Slice, AtomicU64, AtomicU64Slice } from './src/atomics.ts'
export type { Bytes, TypedArrayConstructor } from './src/bytes.ts'
export type { ChunksMut } from './src/chunks.ts'
export {
  ChangeKind,
  type FaultEvent,
  type FlushPolicy,
  MmapAdvice,
  MmapMode,
  TouchHint,
  type ViewMode,
} from './src/enums.ts'
export { MmapIoError, type MmapIoErrorDetails, type MmapIoErrorKind } from './src/errors.ts'
export type { LinesOptions } from './src/lines.ts'
export {
  copyMmap,
  copyMmapSync,
  createMmap,
  createMmapSync,
  deleteMmap,
  deleteMmapSync,
  flush,
  flushSync,
  loadMmap,
  loadMmapSync,
  updateRegion,
  writeMmap,
  writeMmapSync,
} from './src/manager.ts'
export { type MappingEvents, MemoryMappedFile, type Residency } from './src/mapped-file.ts'
export type { AnonymousOptions, AttachOptions, MapOptions, OpenOptions, WritableMapOptions } from './src/options.ts'
export type { Range, TouchOptions } from './src/paging.ts'
export type { SearchOptions } from './src/search.ts'
export { Segment, SegmentMut } from './src/segment.ts'
export type { MappingHandle } from './src/share.ts'
export type { MappedSliceMut } from './src/slice-mut.ts'
export { alignUp, capabilities, pageSize } from './src/utilities.ts'
export type { ChangeEvent, Watcher, WatchOptions } from './src/watch.ts'
export type { StreamOptions } from './src/web/byte-stream.ts'
export type { ReadStreamOptions } from './src/web/read-stream.ts'
export type { HeaderSource, RequestLike, ResponseOptions } from './src/web/response.ts'
