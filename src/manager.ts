/** The same operations as plain functions, and those on whole files. */
import type { PathLike } from 'node:fs'
import { copyFile, copyFileSync, deleteFile, deleteFileSync, writeFile, writeFileSync } from '#binding'
import { checkCount } from './arguments.ts'
import { type Bytes, plainBytes, toBytes } from './bytes.ts'
import type { MmapMode } from './enums.ts'
import { settle } from './errors.ts'
import { MemoryMappedFile } from './mapped-file.ts'
import { wrongType } from './misuse.ts'
import { checkMode } from './options.ts'
import { toPath } from './path.ts'

/** Creates a file, or empties it, and maps it read-write: {@link MemoryMappedFile.createRw}. */
export function createMmap(path: PathLike, size: number): Promise<MemoryMappedFile> {
  return MemoryMappedFile.createRw(path, size)
}

/** Blocking twin of {@link createMmap}. */
export function createMmapSync(path: PathLike, size: number): MemoryMappedFile {
  return MemoryMappedFile.createRwSync(path, size)
}

/** Maps an existing file: {@link MemoryMappedFile.open}. */
export async function loadMmap(path: PathLike, mode: MmapMode): Promise<MemoryMappedFile> {
  return MemoryMappedFile.open(path, { mode: checkMode('mode', mode) })
}

/** Blocking twin of {@link loadMmap}. */
export function loadMmapSync(path: PathLike, mode: MmapMode): MemoryMappedFile {
  return MemoryMappedFile.openSync(path, { mode: checkMode('mode', mode) })
}

/**
 * Opens an existing file read-write, stores bytes at `offset` and flushes; a string is taken as UTF-8. The bytes are copied before the call
 * returns.
 *
 * Rejects with Io (`ENOENT`, `EACCES`), ResizeFailed for an empty file, OutOfBounds past the end of the file, FlushFailed.
 *
 * ```js
 * const mapping = await createMmap('notes.bin', 4096)
 * mapping.close()
 * await writeMmap('notes.bin', 100, 'hello')
 * ```
 */
export async function writeMmap(path: PathLike, offset: number, data: Bytes): Promise<void> {
  const { bytes, text } = toPath(path)
  checkCount('offset', offset)
  settle(await writeFile(bytes, offset, ownBytes(data)), text)
}

/** Blocking twin of {@link writeMmap}. */
export function writeMmapSync(path: PathLike, offset: number, data: Bytes): void {
  const { bytes, text } = toPath(path)
  checkCount('offset', offset)
  settle(writeFileSync(bytes, offset, ownBytes(data)), text)
}

/** Stores bytes: {@link MemoryMappedFile.updateRegion}. */
export function updateRegion(mmap: MemoryMappedFile, offset: number, data: Bytes): void {
  checkMapping(mmap).updateRegion(offset, data)
}

/** Brings everything stored so far to the device: {@link MemoryMappedFile.flush}. */
export async function flush(mmap: MemoryMappedFile): Promise<void> {
  await checkMapping(mmap).flush()
}

/** Blocking twin of {@link flush}. */
export function flushSync(mmap: MemoryMappedFile): void {
  checkMapping(mmap).flushSync()
}

/**
 * Copies a file's content and permissions with the file system's own copy, which shares blocks where it can. The destination is created,
 * or written over and then cut: mappings of it always have the bytes that both files have. A copy that fails may have replaced a part of
 * it. On Windows the system refuses to write over a mapped file.
 *
 * Rejects with Io; code `EINVAL` when both paths name one file, which stays as it is, and when the source is not a regular file.
 */
export async function copyMmap(source: PathLike, destination: PathLike): Promise<void> {
  const [from, to] = [toPath(source, 'source'), toPath(destination, 'destination')]
  settle(await copyFile(from.bytes, to.bytes), from.text, to.text)
}

/** Blocking twin of {@link copyMmap}. */
export function copyMmapSync(source: PathLike, destination: PathLike): void {
  const [from, to] = [toPath(source, 'source'), toPath(destination, 'destination')]
  settle(copyFileSync(from.bytes, to.bytes), from.text, to.text)
}

/** Removes a file's name; mappings of the file go on working (on Windows they are in the way: `EBUSY`, `EPERM`). Rejects with Io. */
export async function deleteMmap(path: PathLike): Promise<void> {
  const { bytes, text } = toPath(path)
  settle(await deleteFile(bytes), text)
}

/** Blocking twin of {@link deleteMmap}. */
export function deleteMmapSync(path: PathLike): void {
  const { bytes, text } = toPath(path)
  settle(deleteFileSync(bytes), text)
}

function checkMapping(mmap: MemoryMappedFile): MemoryMappedFile {
  if (!(mmap instanceof MemoryMappedFile)) throw wrongType('mmap', 'a MemoryMappedFile', mmap)
  return mmap
}

/** The bytes as the addon takes them. */
function ownBytes(data: Bytes): Buffer {
  const bytes = plainBytes(toBytes('data', data))
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
