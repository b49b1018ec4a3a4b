/** Not run: `npm run typecheck` compiles it. What must compile compiles, and what must not is marked. */
import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import {
  type AtomicU32,
  type AtomicU32Slice,
  type AtomicU64,
  type alignUp,
  type Bytes,
  type ChangeEvent,
  ChangeKind,
  type capabilities,
  copyMmap,
  type createMmap,
  type FaultEvent,
  type FlushPolicy,
  flush,
  type HeaderSource,
  loadMmap,
  loadMmapSync,
  type MapOptions,
  type MappedSliceMut,
  MemoryMappedFile,
  MmapIoError,
  MmapMode,
  type OpenOptions,
  pageSize,
  type Range,
  type Residency,
  type SearchOptions,
  type Segment,
  SegmentMut,
  type ViewMode,
  type Watcher,
  type WatchOptions,
  type WritableMapOptions,
  writeMmap,
} from '#mmap-io'

/** Compiles when both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Same<A, B>) => {}

export async function uses(path: string | Buffer | URL, data: Bytes): Promise<void> {
  const mapping: MemoryMappedFile = await MemoryMappedFile.createRw(path, 10, { sparse: true, flushPolicy: { everyBytes: 5 } })
  const emitter: EventEmitter = mapping
  emitter.on('close', () => {})
  same<typeof mapping.mode, 'read-only' | 'read-write' | 'copy-on-write'>(true)
  same<typeof mapping.path, string | null>(true)
  same<typeof mapping.viewMode, ViewMode>(true)
  same<typeof mapping.flushPolicy, FlushPolicy>(true)
  same<ReturnType<typeof mapping.asSlice>, Buffer>(true)
  same<ReturnType<typeof mapping.asSliceMut>, MappedSliceMut>(true)
  same<ReturnType<typeof mapping.residency>, Residency>(true)
  same<ReturnType<typeof mapping.flush>, Promise<void>>(true)
  same<ReturnType<typeof mapping.flushSync>, void>(true)
  same<ReturnType<typeof alignUp>, number>(true)
  same<typeof capabilities.views, readonly ViewMode[]>(true)
  same<ReturnType<typeof mapping.indexOf>, number>(true)
  same<ReturnType<typeof mapping.findAll>, IterableIterator<number>>(true)
  const options: SearchOptions = { from: -5, to: 5, limit: 1, signal: AbortSignal.timeout(1) }
  same<ReturnType<typeof mapping.chunks>, IterableIterator<Buffer>>(true)
  mapping.chunksMut(5).forEachMut((offset: number, bytes: Buffer) => bytes.fill(offset))
  const text: IterableIterator<string> = mapping.lines({ encoding: 'latin1', offset: 5 })
  const views: IterableIterator<Buffer> = mapping.lines({ encoding: 'buffer', length: 5 })
  for (const line of views) new SegmentMut(mapping, 0, 5).write(line)
  for (const line of text) line.trim()
  same<ReturnType<Segment['asSlice']>, Buffer>(true)
  const hits: number[] = await mapping.search(data, options)
  mapping.includes(mapping.indexOf(0x0a, hits[0]))
  const filled: Float64Array = mapping.readInto(0, new Float64Array(2))
  const numbers: BigUint64Array = mapping.typedArray(BigUint64Array, 8, 1)
  mapping.updateRegion(filled.length, data)
  mapping.updateRegion(numbers.length, new SharedArrayBuffer(1))
  const read: MapOptions = { offset: 1, length: 2, view: 'auto', advice: 'random', touch: 'eager', hugePages: true, guard: false }
  const write: WritableMapOptions = { ...read, flushPolicy: 'always' }
  const open: OpenOptions = { ...write, mode: MmapMode.ReadWrite, create: 'exclusive', size: pageSize() }
  const visits: AtomicU64 = mapping.atomicU64(0)
  const slots: AtomicU32Slice = mapping.atomicU32Slice(8, 4)
  same<ReturnType<typeof visits.fetchAdd>, bigint>(true)
  same<ReturnType<typeof slots.at>, AtomicU32>(true)
  const sum = [...slots].reduce((total, value) => total + value, slots.at(0).compareExchange(0, 1))
  visits.fetchMax(BigInt(sum))
  const ranges: Range[] = [[0, 10]]
  const touched: Promise<number> = mapping.touchPages(ranges, { signal: AbortSignal.timeout(1), onProgress: (done, total) => done < total })
  mapping.touchPagesSync([0, await touched])
  mapping.advise(0, 1, 'dont-need')
  same<ReturnType<typeof mapping.lockAll>, Promise<void>>(true)
  same<ReturnType<typeof mapping.prefetch>, void>(true)
  using slice = MemoryMappedFile.openSync(path, open).asSliceMut()
  using scratch = MemoryMappedFile.anonymous(5, { hugePages: true })
  const made: Promise<MemoryMappedFile> = MemoryMappedFile.openOrCreate(path, scratch.length, { sparse: true })
  same<ReturnType<typeof createMmap>, typeof made>(true)
  same<ReturnType<typeof loadMmapSync>, MemoryMappedFile>(true)
  const copied: Promise<void> = copyMmap(path, path)
  await Promise.all([copied, writeMmap(path, 0, data), flush(await loadMmap(path, 'copy-on-write'))])
  await using again = MemoryMappedFile.fromFdSync(3)
  slice.bytes.fill(again.length)
  const readable: Readable = mapping.createReadStream({ start: 1, end: 2, highWaterMark: 3, signal: AbortSignal.timeout(1) })
  const web: ReadableStream<Uint8Array> = mapping.stream({ offset: 1, length: 2, chunkSize: 3 })
  const sources: HeaderSource[] = [{ vary: 'accept' }, [['vary', 'accept']], new Headers()]
  for (const headers of sources) mapping.response(new Request('http://localhost/'), { type: 'text/plain', headers })
  const response: Response = mapping.response({ headers: new Headers(), method: undefined as IncomingMessage['method'] })
  await Promise.all([response.text(), web.cancel(), readable.destroy()])
  mapping.on('fault', ({ kind, offset, length }) => console.log(kind satisfies FaultEvent['kind'], offset + length))
  const health: Uint32Array = mapping.faultWord
  if (health[0] !== 0) await mapping.heal()
  mapping.check()
  mapping.close({ detach: false })
  try {
    await mapping.resize(5, { detach: true })
  } catch (error) {
    if (error instanceof MmapIoError && error.kind === 'ResizeFailed') console.log(error.code.length, error.total?.toFixed())
  }
}

export async function watches(mapping: MemoryMappedFile): Promise<void> {
  const options: WatchOptions = { signal: AbortSignal.timeout(1), debounceMs: 5, pollMs: 5, pollAll: true, persistent: false }
  using watcher = mapping.watch((event) => same<typeof event, ChangeEvent>(true), options)
  const emitter: EventEmitter = watcher.ref().unref()
  emitter.on('change', () => {})
  same<typeof watcher, Watcher>(true)
  for await (const { kind, offset, length, replaced } of watcher) {
    same<typeof kind, 'modified' | 'metadata' | 'removed'>(true)
    same<typeof offset, number | undefined>(true)
    same<typeof replaced, boolean | undefined>(true)
    console.log(kind === ChangeKind.Removed, length)
  }
}

export function mustNotCompile(mapping: MemoryMappedFile): void {
  // @ts-expect-error options come second
  mapping.watch({ debounceMs: 5 })
  // @ts-expect-error a misspelled option
  mapping.watch(undefined, { debounceMS: 5 })
  // @ts-expect-error headers of node:http are no Headers
  mapping.response({ headers: { range: 'bytes=0-1' } })
  // @ts-expect-error the constructor is not for callers
  new MemoryMappedFile()
  // @ts-expect-error no such mode
  MemoryMappedFile.openSync('x', { mode: 'rw' })
  // @ts-expect-error a read-only mapping has no flush policy
  MemoryMappedFile.openRoSync('x', { flushPolicy: 'always' })
  // @ts-expect-error memory without a file has no advice
  MemoryMappedFile.anonymous(5, { advice: 'random' })
  // @ts-expect-error the mode is required
  loadMmapSync('x')
  // @ts-expect-error a misspelled option
  MemoryMappedFile.openRwSync('x', { ofset: 1 })
  // @ts-expect-error offsets are numbers
  mapping.asSlice(1n)
  // @ts-expect-error a target is a view
  mapping.readInto(0, new ArrayBuffer(1))
  // @ts-expect-error an array is not bytes
  mapping.updateRegion(0, [1])
  // @ts-expect-error a needle is bytes or a byte
  mapping.indexOf([1])
  // @ts-expect-error not a typed array
  mapping.typedArray(Array)
  // @ts-expect-error 64 bits are a bigint
  mapping.atomicU64(0).fetchAdd(1)
  // @ts-expect-error 32 bits are a number
  mapping.atomicU32Slice(0, 1).store(0, 1n)
  // @ts-expect-error a range is a pair
  mapping.touchPages([[1]])
  // @ts-expect-error no such advice
  mapping.advise(0, 1, 'DontNeed')
  // @ts-expect-error only getters
  mapping.length = 5
  // @ts-expect-error one of three
  MemoryMappedFile.openRwSync('x', { flushPolicy: { everyBits: 1 } })
  // @ts-expect-error an optional option is left out, not undefined, under exactOptionalPropertyTypes
  MemoryMappedFile.openRwSync('x', { sparse: undefined })
}
