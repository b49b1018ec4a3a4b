import { EventEmitter } from 'node:events'
import type { PathLike } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { inspect } from 'node:util'
import type { Mapping } from '#binding'
import { checkBoolean, checkCount, checkOptionalCount, checkPositive } from './arguments.ts'
import {
  type AtomicU32,
  type AtomicU32Slice,
  type AtomicU64,
  type AtomicU64Slice,
  Cell,
  type IntegerOwner,
  Slice,
  U32,
  U64,
} from './atomics.ts'
import { type Bytes, checkTypedArray, isBytes, type TypedArrayConstructor, toBytes, toTarget } from './bytes.ts'
import { Chunks, type ChunksMut, chunks, type Walked } from './chunks.ts'
import { type FaultEvent, type FlushPolicy, MmapAdvice, MmapMode, type ViewMode } from './enums.ts'
import { closedError, invalidMode, MmapIoError, misaligned, outOfBounds, settle } from './errors.ts'
import { emptyFaultWord, faultWord, type Hearer, hearFaults } from './faults.ts'
import { flushTrigger } from './flush-policy.ts'
import { type Lined, type LinesOptions, lines, linesRequest } from './lines.ts'
import { illegalConstructor } from './misuse.ts'
import { type Opened, openAnonymous, openDescriptor, openDescriptorSync, openPath, openPathSync } from './open.ts'
import {
  type AnonymousOptions,
  type AttachOptions,
  anonymousRequest,
  attachedView,
  checkAdvice,
  fdRequest,
  type MapOptions,
  type OpenOptions,
  openRequest,
  pick,
  readRequest,
  type WritableMapOptions,
  writeRequest,
} from './options.ts'
import { load, type Range, type TouchOptions, toNumbers, touchOptions } from './paging.ts'
import { type Owner, Search, type SearchOptions } from './search.ts'
import { attachMapping, type MappingHandle, shareMapping } from './share.ts'
import { type MappedSliceMut, SliceMut, type SliceOwner } from './slice-mut.ts'
import { createStatus, type Status } from './status.ts'
import { pageSize } from './utilities.ts'
import { MAX_VIEW } from './views/mapped.ts'
import type { Views } from './views/views.ts'
import { tooLong } from './views/wasm.ts'
import { type ChangeEvent, FileWatcher, planWatch, type Watcher, type WatchOptions } from './watch.ts'
import { byteStream, checkStream, type StreamOptions } from './web/byte-stream.ts'
import { checkReadStream, type ReadStreamOptions, readStream } from './web/read-stream.ts'
import { type RequestLike, type ResponseOptions, respond } from './web/response.ts'
import { type Validators, validators } from './web/validators.ts'

/** Which pages of a range are in memory. */
export interface Residency {
  /** Size of a page in bytes. */
  pageSize: number
  /** Pages that the range touches. */
  pages: number
  /** Those of them that are in memory. */
  residentPages: number
  /** Bytes of the range, not of its pages, that are in memory. */
  residentBytes: number
  /** One byte a page: 1 where the page is in memory. */
  map: Uint8Array
}

/** Arguments of the events of a mapping. */
export interface MappingEvents {
  fault: [event: FaultEvent]
  close: []
}

/** Only this module may construct a mapping. */
const token = Symbol('mmap-io')

/**
 * A file, or a part of one, mapped into memory.
 *
 * Offsets and lengths are bytes, counted from the start of the mapping; `length` omitted means "to the end". Misuse is a
 * `TypeError` or `RangeError` with Node's codes; everything else that fails is an {@link MmapIoError}. Promise methods work on
 * the libuv pool and reject, they never throw; their `Sync` twins block and fail alike.
 *
 * ```js
 * const mapping = await MemoryMappedFile.openRo('package.json')
 * console.log(mapping.length, mapping.asSlice(0, 1).toString())
 * mapping.close()
 * ```
 *
 * A page that is lost while it is mapped (somebody cuts the file, the device fails, the disk is full) reads as zeros in views; methods
 * whose range has lost pages throw Truncated or IoFault until heal(). Events: `'fault'` (a {@link FaultEvent}) soon after a page was
 * lost, or a timed flush failed, as long as the mapping object is referenced; `'close'`.
 */
export class MemoryMappedFile extends EventEmitter<MappingEvents> {
  /**
   * Creates the file, or empties it, gives it `size` zero bytes and maps it read-write.
   *
   * The bytes are allocated on the device unless `sparse`: a full disk is an error here (`ENOSPC`) and leaves nothing behind.
   * ResizeFailed for a size of 0; nothing is touched then.
   *
   * ```js
   * const mapping = await MemoryMappedFile.createRw('counters.bin', 4096)
   * mapping.updateRegion(0, 'hello')
   * await mapping.flush()
   * mapping.close()
   * ```
   */
  static async createRw(path: PathLike, size: number, options?: WritableMapOptions): Promise<MemoryMappedFile> {
    return new MemoryMappedFile(token, await openPath(path, () => creating('truncate', size, options)))
  }

  /** Blocking twin of {@link MemoryMappedFile.createRw}. */
  static createRwSync(path: PathLike, size: number, options?: WritableMapOptions): MemoryMappedFile {
    return new MemoryMappedFile(
      token,
      openPathSync(path, () => creating('truncate', size, options)),
    )
  }

  /**
   * Maps an existing file for reading; needs read permission only. An empty file gives an empty mapping.
   *
   * Unsupported, at once, for a FIFO, a socket, a device, and a file that tells a size of 0 but has content (`/proc`).
   */
  static async openRo(path: PathLike, options?: MapOptions): Promise<MemoryMappedFile> {
    return new MemoryMappedFile(token, await openPath(path, () => readRequest(MmapMode.ReadOnly, options)))
  }

  /** Blocking twin of {@link MemoryMappedFile.openRo}. */
  static openRoSync(path: PathLike, options?: MapOptions): MemoryMappedFile {
    return new MemoryMappedFile(
      token,
      openPathSync(path, () => readRequest(MmapMode.ReadOnly, options)),
    )
  }

  /** Maps an existing file for reading and writing. ResizeFailed for an empty file. */
  static async openRw(path: PathLike, options?: WritableMapOptions): Promise<MemoryMappedFile> {
    return new MemoryMappedFile(token, await openPath(path, () => writeRequest(options)))
  }

  /** Blocking twin of {@link MemoryMappedFile.openRw}. */
  static openRwSync(path: PathLike, options?: WritableMapOptions): MemoryMappedFile {
    return new MemoryMappedFile(
      token,
      openPathSync(path, () => writeRequest(options)),
    )
  }

  /**
   * Maps an existing file privately: it can be written, stores are seen through this mapping alone and never reach the file.
   * Needs read permission only. ResizeFailed for an empty file.
   */
  static async openCow(path: PathLike, options?: MapOptions): Promise<MemoryMappedFile> {
    return new MemoryMappedFile(token, await openPath(path, () => readRequest(MmapMode.CopyOnWrite, options)))
  }

  /** Blocking twin of {@link MemoryMappedFile.openCow}. */
  static openCowSync(path: PathLike, options?: MapOptions): MemoryMappedFile {
    return new MemoryMappedFile(
      token,
      openPathSync(path, () => readRequest(MmapMode.CopyOnWrite, options)),
    )
  }

  /**
   * Opens a file for reading and writing, or creates it with `size` zero bytes when it is missing; an existing empty file is extended to
   * `size`, any other keeps its bytes and length. Of several that do this at once one creates and all map the same file.
   *
   * ResizeFailed for a size of 0; nothing is touched then.
   *
   * ```js
   * const mapping = await MemoryMappedFile.openOrCreate('state.bin', 4096)
   * mapping.close()
   * ```
   */
  static async openOrCreate(path: PathLike, size: number, options?: WritableMapOptions): Promise<MemoryMappedFile> {
    return new MemoryMappedFile(token, await openPath(path, () => creating('if-missing', size, options)))
  }

  /** Blocking twin of {@link MemoryMappedFile.openOrCreate}. */
  static openOrCreateSync(path: PathLike, size: number, options?: WritableMapOptions): MemoryMappedFile {
    return new MemoryMappedFile(
      token,
      openPathSync(path, () => creating('if-missing', size, options)),
    )
  }

  /**
   * Maps a file in the mode of `options.mode` (default `'read-only'`), creating it as `options.create` says.
   *
   * ```js
   * const mapping = await MemoryMappedFile.open('index.bin', { mode: 'read-write', create: 'if-missing', size: 4096 })
   * mapping.close()
   * ```
   */
  static async open(path: PathLike, options?: OpenOptions): Promise<MemoryMappedFile> {
    return new MemoryMappedFile(token, await openPath(path, () => openRequest(options)))
  }

  /** Blocking twin of {@link MemoryMappedFile.open}. */
  static openSync(path: PathLike, options?: OpenOptions): MemoryMappedFile {
    return new MemoryMappedFile(
      token,
      openPathSync(path, () => openRequest(options)),
    )
  }

  /**
   * Maps a file that is open already. The descriptor is duplicated before the call returns: the caller may close its own at
   * once. `path` is null.
   *
   * Rejects with Io: `EBADF` for a descriptor or FileHandle that is closed, `EACCES` when it is not open for reading, or for `'read-write'` not for
   * both.
   */
  static async fromFd(fd: number | FileHandle, options?: OpenOptions): Promise<MemoryMappedFile> {
    return new MemoryMappedFile(token, await openDescriptor(fd, () => fdRequest(options)))
  }

  /** Blocking twin of {@link MemoryMappedFile.fromFd}. */
  static fromFdSync(fd: number | FileHandle, options?: OpenOptions): MemoryMappedFile {
    return new MemoryMappedFile(
      token,
      openDescriptorSync(fd, () => fdRequest(options)),
    )
  }

  /**
   * Zero-filled memory without a file, `size` bytes, read-write. One short system call; memory is taken page by page as it is stored to.
   *
   * `path` is null, `flush` has nothing to do, `pendingBytes` stays 0, `resize` is Unsupported. ResizeFailed for a size of 0, Io with
   * `ENOMEM` for more than there are addresses or the system allows.
   *
   * ```js
   * const scratch = MemoryMappedFile.anonymous(1 << 20)
   * scratch.updateRegion(0, 'not in any file')
   * scratch.close()
   * ```
   */
  static anonymous(size: number, options?: AnonymousOptions): MemoryMappedFile {
    checkCount('size', size)
    return new MemoryMappedFile(token, openAnonymous(size, anonymousRequest(options)))
  }

  /**
   * The mapping of a handle, in this thread: the same memory, no second mapping by the operating system, no copy. A resize by one
   * holder is seen by all; each closes for itself, and the file is released with the last.
   *
   * Throws Closed when every holder has closed, and for a handle of another process.
   *
   * ```js
   * const mapping = MemoryMappedFile.createRwSync('shared.bin', 4096)
   * const worker = new Worker('./worker.js', { workerData: mapping.share() })
   * // in the worker: const same = MemoryMappedFile.attach(workerData)
   * ```
   */
  static attach(handle: MappingHandle, options?: AttachOptions): MemoryMappedFile {
    return new MemoryMappedFile(token, attachMapping(handle, attachedView(options)))
  }

  readonly #opened: Opened
  readonly #mode: MmapMode
  readonly #native: Mapping
  readonly #status: Status
  readonly #views: Views
  readonly #lead: number
  readonly #isFlushDue: ((status: Status) => boolean) | undefined
  readonly #owner: Owner & Walked & Lined & IntegerOwner
  readonly #search: Search
  readonly #sliceOwner: SliceOwner
  /** Held here alone: who is told of faults holds nothing. */
  readonly #hearer: Hearer
  #faultWord: Uint32Array | undefined
  readonly #watchers = new Set<FileWatcher>()
  #closed = false

  private constructor(key: symbol, opened: Opened) {
    if (key !== token) throw illegalConstructor('MemoryMappedFile.open and its siblings')
    super()
    this.#opened = opened
    this.#mode = opened.mode
    this.#native = opened.native
    this.#status = createStatus(opened.native, opened.isFirst)
    this.#views = opened.views
    this.#lead = opened.native.lead
    this.#isFlushDue = flushTrigger(opened.flushPolicy)
    this.#owner = {
      path: opened.path,
      openLength: () => this.#openLength(),
      check: (offset, length) => void this.#sound(offset, length),
      refuseLost: (offset, length) => this.#refuseLost(offset, length),
      asSlice: (offset, length) => this.asSlice(offset, length),
      asSliceMut: (offset, length) => this.asSliceMut(offset, length),
      native: opened.native,
      status: this.#status,
      place: (offset, length) => (this.#views.live ? this.#views.locate(offset, length) : undefined),
      matches: (needle, from, to) => this.#search.matches(needle, from, to),
    }
    this.#search = new Search(opened.native, this.#owner)
    const isClosed = () => this.#closed
    this.#sliceOwner = {
      get closed() {
        return isClosed()
      },
      release: (offset, length, bytes) => this.#release(offset, length, bytes),
    }
    this.#hearer = { hear: () => this.#tellFaults() }
    hearFaults(this.#hearer)
  }

  /** As given to open, made a string; null for a mapping made of a descriptor and for anonymous memory. */
  get path(): string | null {
    return this.#opened.path
  }

  /** What the mapping may do with its file. */
  get mode(): MmapMode {
    return this.#mode
  }

  /** How JavaScript sees the memory. */
  get viewMode(): ViewMode {
    return this.#views.mode
  }

  /** When writes are flushed by themselves. */
  get flushPolicy(): FlushPolicy {
    return this.#opened.flushPolicy
  }

  /** Current length of the mapping in bytes; follows resize. 0 after close. */
  get length(): number {
    return this.#closed ? 0 : this.#status.length
  }

  /** Whether the mapping has no bytes. */
  get isEmpty(): boolean {
    return this.length === 0
  }

  /** Whether close() was called. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * Bytes written by updateRegion, through segments, by released asSliceMut and by pieces of chunksMut since the last flush of the whole.
   * Stores through plain views cannot be counted; an explicit flush covers them all the same. Always 0 for read-only, copy-on-write and anonymous mappings.
   */
  get pendingBytes(): number {
    return this.#closed ? 0 : this.#status.pendingBytes
  }

  /**
   * One number that is 0 as long as no page of the mapping was lost, changed in the moment in which one is: for loops over views, which
   * cannot fail. Read the view, then the word, then believe what was read. 1: the file was cut; 2: the operating system could not
   * supply or store a page; 3: both. check() tells the ranges, heal() makes it 0 again.
   *
   * ```js
   * const mapping = MemoryMappedFile.openRoSync('package.json')
   * const [view, health] = [mapping.asSlice(), mapping.faultWord]
   * let sum = 0
   * for (const byte of view) sum += byte
   * if (health[0] !== 0) mapping.check() // throws: some of the zeros were made up
   * mapping.close()
   * ```
   *
   * Where no external buffers can be had it is a view of more than this word: do not store into it. Empty after close().
   */
  get faultWord(): Uint32Array {
    if (this.#closed) throw closedError()
    this.#faultWord ??= faultWord(this.#native, this.#status)
    return this.#faultWord
  }

  /**
   * A Buffer over the mapped bytes, no copy. Costs about as much as `Buffer.subarray`.
   *
   * It stays valid as long as it is referenced, whatever becomes of this object; after close() it is empty. In a read-only mapping
   * stores into it never reach the file and never crash. Throws OutOfBounds, Closed; Unsupported for a view that this runtime
   * cannot make (more than 2 GiB of a mapping above 4 GiB on Node 20).
   */
  asSlice(offset = 0, length?: number): Buffer {
    const size = this.#sound(offset, length)
    return this.#views.cut(offset, size)
  }

  /**
   * Writable bytes plus the moment they count as written. Throws InvalidMode on a read-only mapping, OutOfBounds, Closed.
   *
   * ```js
   * const mapping = MemoryMappedFile.createRwSync('table.bin', 4096)
   * const slice = mapping.asSliceMut(0, 16)
   * slice.bytes.fill(1)
   * slice.release()
   * mapping.close()
   * ```
   */
  asSliceMut(offset = 0, length?: number): MappedSliceMut {
    checkCount('offset', offset)
    checkOptionalCount('length', length)
    this.#checkWritable('asSliceMut')
    const size = this.#sound(offset, length)
    return new SliceMut(this.#sliceOwner, offset, this.#views.cut(offset, size))
  }

  /**
   * Fills `target`, a view, with bytes from `offset` on: exactly as many as it has, or OutOfBounds and it is untouched. Returns it.
   */
  readInto<T extends ArrayBufferView>(offset: number, target: T): T {
    checkCount('offset', offset)
    const bytes = toTarget('target', target)
    const total = this.#openLength()
    // A detached target is one of no bytes, too.
    if (bytes.length === 0) return target
    if (offset + bytes.length > total) throw outOfBounds(offset, bytes.length, total)
    this.#refuseLost(offset, bytes.length)
    this.#views.read(offset, bytes)
    this.#refuseGone(offset, bytes.length)
    return target
  }

  /** An owned copy of the bytes, in memory of its own. */
  readBytes(offset = 0, length?: number): Buffer {
    const size = this.#sound(offset, length)
    if (size > MAX_VIEW) {
      throw new MmapIoError('Unsupported', `This runtime limits one buffer to ${MAX_VIEW} bytes; read ${size} bytes in parts with readInto`)
    }
    const copy = Buffer.allocUnsafeSlow(size)
    this.#views.read(offset, copy)
    this.#refuseGone(offset, size)
    return copy
  }

  /**
   * Stores bytes at `offset`, counts them as written and applies the flush policy; a string is taken as UTF-8.
   *
   * Throws InvalidMode on a read-only mapping, OutOfBounds, Closed; nothing is stored then. Throws FlushFailed when a flush that
   * the policy asks for fails; the bytes stay stored then. Empty data does nothing, in any mode.
   */
  updateRegion(offset: number, data: Bytes): void {
    checkCount('offset', offset)
    const bytes = isBytes(data) ? data : toBytes('data', data)
    const size = bytes.length
    if (this.#closed) throw closedError()
    if (size === 0) return
    if (this.#mode === MmapMode.ReadOnly) throw invalidMode('updateRegion', this.#mode)
    const total = this.#status.length
    if (offset + size > total) throw outOfBounds(offset, size, total)
    // Asked here first: V8 inlines only so much into one function, and what is over costs a call each, 8 ns in all.
    if (this.#status.flags !== 0) this.#refuseLost(offset, size)
    this.#views.write(offset, bytes)
    if (this.#status.flags !== 0) this.#refuseLost(offset, size)
    this.#written(size)
  }

  /** A DataView over the mapped bytes, no copy. See {@link MemoryMappedFile.asSlice}. */
  dataView(offset = 0, length?: number): DataView {
    checkCount('offset', offset)
    checkOptionalCount('length', length)
    this.#checkStores('dataView')
    const size = this.#sound(offset, length)
    const { buffer, byteOffset } = this.#views.locate(offset, size)
    return new DataView(buffer, byteOffset, size)
  }

  /**
   * A typed array over the mapped bytes, no copy, in the machine's byte order. `count` is elements; omitted, as many whole ones as
   * fit.
   *
   * Throws Misaligned when the offset's position in the file is no multiple of the element size, OutOfBounds, Closed.
   *
   * ```js
   * const mapping = MemoryMappedFile.createRwSync('numbers.bin', 4096)
   * mapping.typedArray(Float64Array, 8, 2).set([1.5, 2.5])
   * mapping.close()
   * ```
   */
  typedArray<T extends TypedArrayConstructor>(type: T, offset = 0, count?: number): InstanceType<T> {
    checkTypedArray(type)
    checkCount('offset', offset)
    checkOptionalCount('count', count)
    this.#checkStores('typedArray')
    const length = this.#elements(offset, type.BYTES_PER_ELEMENT, count)
    const { buffer, byteOffset } = this.#views.locate(offset, length)
    return new type(buffer, byteOffset, length / type.BYTES_PER_ELEMENT) as InstanceType<T>
  }

  /**
   * The whole mapping as a SharedArrayBuffer, to post to workers: the memory itself, no copy. Stores need `Atomics` where two threads
   * use the same bytes.
   * Where view mode 'shared' cannot be had (Node 20), its length is rounded up to 64 KiB: go by `length`, not by its `byteLength`.
   *
   * It keeps its addresses, in every thread, and holds no file for those it was posted to: after the last close it reads zeros. A
   * resize does not change it; ask again. Throws Unsupported where the runtime cannot make one (see docs/views.md), and for a window
   * that does not begin at a page; Closed.
   */
  sharedBuffer(): SharedArrayBuffer {
    const total = this.#openLength()
    this.#refuseLost(0, total)
    return this.#views.whole(total)
  }

  /**
   * Resolves when every byte stored so far is on the device as far as the operating system can promise: `msync(MS_SYNC)`, on macOS
   * `F_FULLFSYNC` besides, on Windows `FlushViewOfFile` and `FlushFileBuffers`. The first flush of a file that was created here
   * also brings its name to the device. Nothing to do on read-only, copy-on-write and anonymous mappings.
   *
   * Rejects with FlushFailed, which carries code, errno and syscall, and leaves `pendingBytes`. A full disk or device error stays:
   * every later flush fails with it, because the operating system tells it only once, until heal(). Rejects with LostWrites,
   * Truncated or IoFault as long as pages of the mapping are lost, and when others have cut the file.
   */
  async flush(): Promise<void> {
    if (this.#closed) throw closedError()
    settle(await this.#native.flush(), this.path)
  }

  /** Blocking twin of {@link MemoryMappedFile.flush}. */
  flushSync(): void {
    if (this.#closed) throw closedError()
    settle(this.#native.flushSync(), this.path)
  }

  /** Like {@link MemoryMappedFile.flush} for a range, rounded out to pages. The whole range counts as flush. Rejects with OutOfBounds too. */
  async flushRange(offset = 0, length?: number): Promise<void> {
    const size = this.#range(offset, length)
    settle(await this.#native.flushRange(offset, size), this.path)
  }

  /** Blocking twin of {@link MemoryMappedFile.flushRange}. */
  flushRangeSync(offset = 0, length?: number): void {
    const size = this.#range(offset, length)
    settle(this.#native.flushRangeSync(offset, size), this.path)
  }

  /**
   * Starts writing a range back to the device and returns at once: no durability, nothing counts as flushed. Nothing to do on
   * read-only, copy-on-write and anonymous mappings. Throws OutOfBounds, Closed.
   */
  scheduleFlush(offset = 0, length?: number): void {
    const size = this.#range(offset, length)
    settle(this.#native.scheduleFlush(offset, size), this.path)
  }

  /**
   * Makes the mapping, and with it the file, `newSize` bytes long. Read-write mappings only.
   *
   * Growing keeps every view valid and coherent; new bytes are zero and allocated unless `sparse`. Shrinking makes the cut-off part
   * of old views read as zeros; methods that read it meanwhile, and afterwards, fail with OutOfBounds. A file that others have made longer
   * than the mapping is never cut: growing keeps what they appended, shrinking is ResizeFailed. A window resizes only when it reaches the
   * end of its file, else Unsupported.
   *
   * Other mappings of the file, in this process or another, keep their length: they see a growth once they are resized or opened anew,
   * and a shrink is to them a file that somebody cut (docs/safety.md). Threads that share one mapping (share, attach) resize together.
   *
   * Rejects with InvalidMode, ResizeFailed (size 0 among others), Io with the operating system's code (`ENOSPC`, `EFBIG`), Truncated or
   * IoFault while bytes that it would keep are lost; file, length and mapping are as before then. On Windows a file with views cannot be cut: pass `detach: true`, which empties this
   * thread's views before a shrink, on every platform.
   */
  async resize(newSize: number, options?: { detach?: boolean }): Promise<void> {
    const release = this.#prepareResize(newSize, options)
    try {
      settle(await this.#native.resize(newSize), this.path)
    } finally {
      release()
    }
  }

  /** Blocking twin of {@link MemoryMappedFile.resize}. */
  resizeSync(newSize: number, options?: { detach?: boolean }): void {
    const release = this.#prepareResize(newSize, options)
    try {
      settle(this.#native.resizeSync(newSize), this.path)
    } finally {
      release()
    }
  }

  /**
   * Tells the operating system how a range is going to be used, rounded out to pages. A hint: it never changes bytes. `'normal'`,
   * `'random'` and `'sequential'` hold until other advice is given, also after a resize.
   *
   * `'dont-need'` makes pages the first to go when memory is short; on copy-on-write and anonymous mappings it does nothing. To drop
   * pages now, use evict. On Windows only `'will-need'` has an effect. Throws OutOfBounds, AdviceFailed, Closed.
   *
   * On Linux every border between ranges of different advice, and of locked and other pages, costs one of the maps that a process can have
   * (`vm.max_map_count`, mostly 65530). Without one left V8 ends the process: give advice to few long ranges.
   */
  advise(offset: number, length: number, advice: MmapAdvice): void {
    checkCount('offset', offset)
    checkCount('length', length)
    checkAdvice('advice', advice)
    const size = this.#range(offset, length)
    settle(this.#native.advise(offset, size, advice), this.path)
  }

  /**
   * Keeps the pages of a range in memory, loading them first. Counted per page: overlapping locks need as many unlocks. Locks survive
   * resize and end with close().
   *
   * On read-only and copy-on-write mappings the pages of the file are locked, not private copies of them. Rejects with LockFailed
   * (code `EPERM`, `ENOMEM`, `EAGAIN`) where a limit is in the way, `RLIMIT_MEMLOCK` on Unix; nothing more is locked then.
   */
  async lock(offset = 0, length?: number): Promise<void> {
    const size = this.#range(offset, length)
    settle(await this.#native.lock(offset, size), this.path)
  }

  /** Blocking twin of {@link MemoryMappedFile.lock}. */
  lockSync(offset = 0, length?: number): void {
    const size = this.#range(offset, length)
    settle(this.#native.lockSync(offset, size), this.path)
  }

  /** Takes one lock off each page of a range. Pages that are not locked are left alone. Throws OutOfBounds, UnlockFailed, Closed. */
  unlock(offset = 0, length?: number): void {
    const size = this.#range(offset, length)
    settle(this.#native.unlock(offset, size), this.path)
  }

  /** {@link MemoryMappedFile.lock} for everything. */
  lockAll(): Promise<void> {
    return this.lock()
  }

  /** Blocking twin of {@link MemoryMappedFile.lockAll}. */
  lockAllSync(): void {
    this.lockSync()
  }

  /** {@link MemoryMappedFile.unlock} for everything: one lock off each page. */
  unlockAll(): void {
    this.unlock()
  }

  /**
   * Loads pages into memory, off the main thread: reads a byte of every page, and asks for read-ahead of the next 1024 ranges, so that the
   * device works on many at once. Without `ranges`, everything. Nothing is copied or made dirty.
   *
   * Resolves to the sum of the ranges' lengths in bytes. Works in steps of about 0.1 s, which is how long a worker that is terminated or
   * a process that exits may wait for it. Rejects with OutOfBounds for any of the ranges; at the next step with Closed after close(), and
   * with OutOfBounds after a shrink below one of them; with the reason of `signal` at once when that is aborted.
   *
   * ```js
   * const mapping = await MemoryMappedFile.openRo('package.json')
   * await mapping.touchPages([[0, 10], [500, 10]])
   * await mapping.touchPages(undefined, { onProgress: (done, total) => console.log(`${done} of ${total}`) })
   * mapping.close()
   * ```
   */
  async touchPages(ranges?: Range | readonly Range[], options?: TouchOptions): Promise<number> {
    const given = toNumbers(ranges)
    const wishes = touchOptions(options)
    const [numbers, total] = this.#ranges(given)
    await load(this.#native, numbers, total, wishes, () => this.#openLength(), this.path)
    return total
  }

  /** Blocking twin of {@link MemoryMappedFile.touchPages}. */
  touchPagesSync(ranges?: Range | readonly Range[]): number {
    const [numbers, total] = this.#ranges(toNumbers(ranges))
    settle(this.#native.loadSync(numbers), this.path)
    return total
  }

  /**
   * Asks for read-ahead of a range and returns at once. The operating system decides how much of a long range it reads ahead; touchPages
   * loads all of it. Throws OutOfBounds, AdviceFailed, Closed.
   */
  prefetch(offset = 0, length?: number): void {
    const size = this.#range(offset, length)
    settle(this.#native.advise(offset, size, MmapAdvice.WillNeed), this.path)
  }

  /**
   * Which pages of a range are in memory now: of the page cache, whoever brought them there. One system call.
   *
   * Throws Unsupported with code `EPERM` where the operating system hides it (Linux: files that you neither own nor may write), and
   * on Windows.
   */
  residency(offset = 0, length?: number): Residency {
    const size = this.#range(offset, length)
    return settle(this.#native.residency(offset, size), this.path)
  }

  /**
   * Drops the pages of a range from memory and from the page cache, as far as the operating system can without losing a byte: pages
   * that are dirty (flush first), locked, private copies or in use by another mapping stay, and with them what the page cache keeps in
   * one piece, up to some MiB after long reads and writes. Nothing to do for anonymous memory. Runs on the libuv pool.
   *
   * Linux drops them (5.4 on; before, only pages that nothing has mapped); macOS only marks them as the first to go; Windows takes
   * them out of the working set of this process. See `capabilities.evict`. Rejects with OutOfBounds, AdviceFailed, Closed.
   */
  async evict(offset = 0, length?: number): Promise<void> {
    const size = this.#range(offset, length)
    settle(await this.#native.evict(offset, size), this.path)
  }

  /**
   * The mapping in pieces of `chunkSize` bytes, no copy; the last one is shorter where it does not come out even.
   *
   * The length is frozen at the call. Throws `RangeError` for a size of 0, Closed; a step throws Closed after close, and OutOfBounds once
   * it gets to bytes that a shrink has cut off.
   *
   * ```js
   * const mapping = MemoryMappedFile.openRoSync('package.json')
   * for (const chunk of mapping.chunks(64)) console.log(chunk.length)
   * mapping.close()
   * ```
   */
  chunks(chunkSize: number): IterableIterator<Buffer> {
    checkPositive('chunkSize', chunkSize)
    return chunks(this.#owner, chunkSize, this.#openLength())
  }

  /** The mapping in pieces of a page, counted from its first byte. See {@link MemoryMappedFile.chunks}. */
  pages(): IterableIterator<Buffer> {
    return this.chunks(pageSize())
  }

  /**
   * The mapping in pieces of `chunkSize` bytes to write to, with their offsets, by `for`-`of` or `forEachMut`.
   *
   * A piece counts as written, all of it, when the next one is asked for and when the loop is left, also by an error; the flush policy
   * is applied then. The length is frozen when a walk begins. Throws `RangeError` for a size of 0, Closed, InvalidMode on a read-only
   * mapping; a step throws as one of {@link MemoryMappedFile.chunks}, and FlushFailed.
   *
   * ```js
   * const mapping = MemoryMappedFile.createRwSync('stamped.bin', 1 << 20)
   * for (const [offset, bytes] of mapping.chunksMut(4096)) bytes.writeDoubleLE(offset)
   * mapping.close()
   * ```
   */
  chunksMut(chunkSize: number): ChunksMut {
    checkPositive('chunkSize', chunkSize)
    this.#checkWritable('chunksMut')
    return new Chunks(this.#owner, chunkSize)
  }

  /**
   * Lines, without the `\n` or `\r\n` that ends them; a final newline is followed by no empty line. As strings, or with encoding
   * `'buffer'` as Buffers without a copy.
   *
   * The range is frozen at the call. Throws OutOfBounds, Closed; a step throws Closed after close, OutOfBounds once it gets to bytes that
   * a shrink has cut off, Unsupported for a line that is longer than a string can be.
   *
   * ```js
   * const log = MemoryMappedFile.openRoSync('package.json')
   * for (const line of log.lines()) console.log(line)
   * log.close()
   * ```
   */
  lines(options: LinesOptions<'buffer'> & { encoding: 'buffer' }): IterableIterator<Buffer>
  lines(options?: LinesOptions): IterableIterator<string>
  lines(options?: LinesOptions<BufferEncoding | 'buffer'>): IterableIterator<string | Buffer> {
    const { encoding, offset, length } = linesRequest(options)
    return lines(this.#owner, offset, this.#range(offset, length), encoding)
  }

  /**
   * Where the first match begins, at `from` or later; -1: there is none. A string is taken as UTF-8, a number as one byte.
   *
   * `from` and an empty needle mean what they mean in `Buffer.indexOf`, except that positions above 2^31 are right: negative counts
   * from the end, NaN is 0. Runs at about the speed of memory and blocks meanwhile, also while cold pages are read; `search` does
   * not. Bytes that others store meanwhile may be seen or not.
   *
   * Throws `RangeError` for a byte outside 0 to 255, Closed.
   *
   * ```js
   * const log = MemoryMappedFile.openRoSync('package.json')
   * const at = log.indexOf('"version"')
   * console.log(at, log.indexOf(10, at)) // the end of that line
   * log.close()
   * ```
   */
  indexOf(needle: Bytes | number, from?: number): number {
    return this.#search.indexOf(needle, from)
  }

  /** Where the last match begins, at `from` or earlier; -1: there is none. As `Buffer.lastIndexOf`; see {@link MemoryMappedFile.indexOf}. */
  lastIndexOf(needle: Bytes | number, from?: number): number {
    return this.#search.lastIndexOf(needle, from)
  }

  /** Whether there is a match at `from` or later. See {@link MemoryMappedFile.indexOf}. */
  includes(needle: Bytes | number, from?: number): boolean {
    return this.#search.indexOf(needle, from) !== -1
  }

  /** How many matches there are, none of which overlaps the one before. Throws `RangeError` for an empty needle, Closed. Blocks. */
  count(needle: Bytes | number): number {
    return this.#search.count(needle)
  }

  /**
   * Where matches begin, one after the other, none of which overlaps the one before. Searches on as it is asked for more; each step
   * may block.
   *
   * The needle is copied and the length frozen at the call. Throws `RangeError` for an empty needle, Closed; a step throws Closed after
   * close, and OutOfBounds once it gets to bytes that a shrink has cut off.
   */
  findAll(needle: Bytes | number): IterableIterator<number> {
    return this.#search.findAll(needle)
  }

  /**
   * Where matches begin that lie wholly in `from` to `to`, in ascending order, none of which overlaps the one before; at most `limit`
   * of them. Runs on the libuv pool, in steps of about 0.1 s, which is how long a worker that is terminated or a process that exits may
   * wait for it; a thread that is busy for longer holds it up.
   *
   * `from` and `to` count from the end when negative and end where the mapping does. Rejects with the reason of `signal` at once when
   * that is aborted; with Closed at the next step after close(); `RangeError` for an empty needle or a limit of 0; Unsupported when there
   * are more than 16,777,216 matches; OutOfBounds when the file was made shorter meanwhile.
   *
   * ```js
   * const log = await MemoryMappedFile.openRo('package.json')
   * const newlines = await log.search('\n', { limit: 1000, signal: AbortSignal.timeout(5000) })
   * log.close()
   * ```
   */
  async search(needle: Bytes | number, options?: SearchOptions): Promise<number[]> {
    return this.#search.search(needle, options)
  }

  /**
   * An atomic 64-bit integer, shared with other threads and processes that map the file. It goes on working after a resize.
   *
   * Throws InvalidMode on a read-only mapping, Misaligned when the offset's position in the file is no multiple of 8, OutOfBounds,
   * Closed. On a copy-on-write mapping it is shared with nobody. Changes are not counted in `pendingBytes`; a flush covers them.
   *
   * ```js
   * const mapping = await MemoryMappedFile.openOrCreate('counter.bin', 8)
   * const visits = mapping.atomicU64(0)
   * console.log(visits.fetchAdd(1n), visits.load())
   * mapping.close()
   * ```
   */
  atomicU64(offset: number): AtomicU64 {
    this.#checkIntegers('atomicU64', U64, offset, 1)
    return new Cell(U64, this.#owner, offset)
  }

  /** An atomic 32-bit integer; its offset is a multiple of 4. See {@link MemoryMappedFile.atomicU64}. */
  atomicU32(offset: number): AtomicU32 {
    this.#checkIntegers('atomicU32', U32, offset, 1)
    return new Cell(U32, this.#owner, offset)
  }

  /** `count` atomic 64-bit integers side by side. Their offset is at most the length. See {@link MemoryMappedFile.atomicU64}. */
  atomicU64Slice(offset: number, count: number): AtomicU64Slice {
    this.#checkIntegers('atomicU64Slice', U64, offset, count)
    return new Slice(U64, this.#owner, offset, count)
  }

  /** `count` atomic 32-bit integers side by side; their offset is a multiple of 4. See {@link MemoryMappedFile.atomicU64Slice}. */
  atomicU32Slice(offset: number, count: number): AtomicU32Slice {
    this.#checkIntegers('atomicU32Slice', U32, offset, count)
    return new Slice(U32, this.#owner, offset, count)
  }

  /**
   * The bytes as a stream of Node. The options mean what they mean in `fs.createReadStream`: `end` is inclusive, and `start` and `end`
   * may lie past the end; for text call `setEncoding` of the stream. The range is frozen at the call.
   *
   * Chunks are copies: they outlive close(), and zlib or `fs.write` may work on them while the mapping closes. The stream does not
   * keep the mapping open. It is destroyed with Closed, OutOfBounds (a shrink) or what befell the file when it gets there; it never
   * ends early.
   *
   * Throws `RangeError` for `start` behind `end` and for a `highWaterMark` of 0, Closed.
   *
   * ```js
   * const mapping = await MemoryMappedFile.openRo('package.json')
   * await pipeline(mapping.createReadStream({ start: 1 }), createGzip(), createWriteStream('package.json.gz'))
   * mapping.close()
   * ```
   */
  createReadStream(options?: ReadStreamOptions): Readable {
    const checked = checkReadStream(options)
    return readStream(this, this.#openLength(), checked)
  }

  /**
   * The bytes as a stream of the web, of type 'bytes': a reader may bring buffers of its own. For the rest as
   * {@link MemoryMappedFile.createReadStream}. Throws `RangeError` for a `chunkSize` of 0, OutOfBounds, Closed.
   */
  stream(options?: StreamOptions): ReadableStream<Uint8Array> {
    const { offset, length, chunkSize } = checkStream(options)
    return byteStream(this, offset, this.#range(offset, length), chunkSize)
  }

  /**
   * Answers an HTTP request with the bytes: 200, 206 for one range, 304 for what the client has already, 416 for a range that is not
   * there, 405 for methods other than GET and HEAD. Several ranges and malformed ones get 200 and everything. HEAD has no body.
   *
   * ETag and Last-Modified are those of the open file, asked for at each call (one `fstat`). On a read-write mapping the ETag is weak
   * and may miss stores into views; a copy-on-write mapping, whose bytes are its own, has neither. A body of up to 64 KiB is copied at
   * the call, a longer one is a {@link MemoryMappedFile.stream}.
   *
   * Throws Closed, Io, `TypeError` for a request or headers that are none.
   *
   * ```js
   * const mapping = await MemoryMappedFile.openRo('package.json')
   * const response = mapping.response(new Request('http://localhost/', { headers: { range: 'bytes=0-9' } }))
   * console.log(response.status, response.headers.get('content-range'), await response.text())
   * mapping.close()
   * ```
   */
  response(request?: RequestLike, options?: ResponseOptions): Response {
    return respond(this, { validators: () => this.#validators(), check: this.#owner.check }, request, options)
  }

  /**
   * Tells what happens to the file at the mapping's path: changes by others, a new file in its place, its removal. Stores through
   * mappings raise no event on any operating system; `pollMs` finds them. `listener` is added for `'change'`.
   *
   * Throws WatchFailed when the path names no file any more (`ENOENT`) and where the system has no watches left (the message names
   * the setting to raise), Unsupported for a mapping made of a descriptor and for anonymous memory, Closed, and the reason of a
   * signal that has aborted. A file that was replaced since it was opened is told at once. Closing the mapping closes its watchers.
   *
   * ```js
   * const mapping = await MemoryMappedFile.openRo('package.json')
   * const watcher = mapping.watch((event) => console.log(event.kind, event.replaced))
   * watcher.close()
   * mapping.close()
   * ```
   */
  watch(listener?: (event: ChangeEvent) => void, options?: WatchOptions): Watcher {
    const plan = planWatch(listener, options)
    if (this.#closed) throw closedError()
    return new FileWatcher(this.#native, this.path, plan, this.#watchers)
  }

  /**
   * Throws when the bytes are not what they are taken for; does nothing else. One `fstat`, and one `stat` of the path on a read-only
   * mapping.
   *
   * LostWrites: pages of a read-write mapping were replaced and may hold stored bytes that reached no file. Truncated: the file is
   * shorter than the mapping. IoFault: the operating system could not supply or store a page. These three tell `ranges`. Changed
   * (read-only mappings): size, modification time or the file behind the path is another than at opening; permissions do not count.
   * Stores through other mappings change the modification time late, or never (tmpfs). Closed.
   */
  check(): void {
    if (this.#closed) throw closedError()
    settle(this.#native.check(), this.path)
  }

  /**
   * Puts lost pages back, and makes flush work again.
   *
   * Bytes stored into pages that had no room on the device are written once there is room; only those, nothing that others wrote is
   * overwritten. A file that was cut and has grown again is mapped again, and bytes stored behind the cut are given up. After a failed
   * flush the whole mapping is written anew. A read-only mapping takes the file as it is now for what check() compares with. Let
   * writers rest meanwhile: a store into a page at the moment in which it is put back can be lost.
   *
   * Rejects with what check() still finds (with the operating system's code where a write was refused, `ENOSPC`), FlushFailed, Closed.
   */
  async heal(): Promise<void> {
    if (this.#closed) throw closedError()
    settle(await this.#native.heal(), this.path)
  }

  /**
   * A value to post to another thread of this process, where {@link MemoryMappedFile.attach} makes a mapping of it. From here on this
   * object holds the file until close() or the end of its thread: garbage collection alone does not close it. Throws Closed.
   */
  share(): MappingHandle {
    if (this.#closed) throw closedError()
    return shareMapping(this.#opened)
  }

  /**
   * Lets the file go. Idempotent; does not flush, and what was stored still reaches the file as long as the machine runs.
   *
   * Every view of this thread becomes empty (length 0) and later calls fail with Closed. The file is released as soon as the last
   * running task has ended. `detach: false` leaves views in place, reading zeros (Windows: the bytes, until collected), for callers
   * whose views may still be in use by asynchronous native work such as zlib or `fs.write`, which does not survive an emptied
   * buffer in any version of Node.
   */
  close(options?: { detach?: boolean }): void {
    const detach = checkDetach(options) ?? true
    if (this.#closed) return
    this.#closed = true
    for (const watcher of this.#watchers) watcher.close()
    const release = this.#views.hold()
    if (detach) this.#views.empty()
    if (this.#faultWord) emptyFaultWord(this.#faultWord)
    this.#native.close()
    this.#status.leave()
    release()
    process.nextTick(() => this.emit('close'))
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** flush(), then close(), also when the flush fails; then rejects with its error. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    try {
      await this.flush()
    } finally {
      this.close()
    }
  }

  /** Path, mode, length and view mode, never the bytes. */
  [inspect.custom](_depth: number, options: object): string {
    const { path, mode, length, viewMode, closed } = this
    return `MemoryMappedFile ${inspect({ path, mode, length, viewMode, closed }, options)}`
  }

  /** The same for a range whose bytes are going to be used: it must not have lost pages. */
  #sound(offset: number, length: number | undefined): number {
    const size = this.#range(offset, length)
    this.#refuseLost(offset, size)
    return size
  }

  /** Fails when pages of a range were lost; asked before the bytes are used, and after. The range was checked. */
  #refuseLost(offset: number, length: number): void {
    if (this.#status.flags !== 0 && length > 0 && !this.#closed) settle(this.#native.checkRange(offset, length), this.path)
  }

  /** After bytes were read: the zeros in place of what was lost or cut off meanwhile are none. */
  #refuseGone(offset: number, length: number): void {
    if (offset + length > this.#status.length) this.#range(offset, length)
    this.#refuseLost(offset, length)
  }

  #tellFaults(): void {
    if (this.#closed || this.listenerCount('fault') === 0) return
    for (const { kind, ranges = [] } of this.#native.newFaults()) {
      const tell = (offset: number, length: number) => this.emit('fault', { kind: kind as FaultEvent['kind'], offset, length })
      for (const range of ranges) process.nextTick(tell, ...range)
    }
  }

  /** Checks a range and tells its length in bytes. */
  #range(offset: number, length: number | undefined): number {
    checkCount('offset', offset)
    checkOptionalCount('length', length)
    const total = this.#openLength()
    const size = length ?? total - offset
    if (size === 0) return 0
    if (size < 0 || offset + size > total) throw outOfBounds(offset, Math.max(0, size), total)
    return size
  }

  #validators(): Validators {
    if (this.#closed) throw closedError()
    return validators(this.#native, this.#status, this.#mode, this.path)
  }

  /** Checks a range of elements, as many whole ones as fit without a count, and tells its length in bytes. */
  #elements(offset: number, size: number, count: number | undefined): number {
    const total = this.#openLength()
    // The lead keeps the alignment of the position in the file.
    if ((this.#lead + offset) % size !== 0) throw misaligned(offset, size)
    const length = (count ?? Math.floor((total - offset) / size)) * size
    if (offset > total || length > total - offset) throw outOfBounds(offset, Math.max(0, length), total)
    this.#refuseLost(offset, length)
    return length
  }

  /** Checks a range of atomic integers. */
  #checkIntegers(method: string, { bytes }: { bytes: number }, offset: number, count: number): void {
    checkCount('offset', offset)
    checkCount('count', count)
    this.#checkWritable(method)
    this.#elements(offset, bytes, count)
  }

  /** Checks ranges, given as offsets and lengths one after the other, and tells how many bytes they have together. */
  #ranges(given: Float64Array | undefined): [numbers: Float64Array, total: number] {
    const length = this.#openLength()
    const numbers = given ?? Float64Array.of(0, length)
    let total = 0
    for (let at = 0; at < numbers.length; at += 2) total += this.#range(numbers[at] as number, numbers[at + 1])
    return [numbers, total]
  }

  /** Stores into a view must reach a mapping that can be written: those into a copy would be lost. */
  #checkStores(method: string): void {
    if (this.#views.live || this.#mode === MmapMode.ReadOnly) return
    if (this.#closed) throw closedError()
    throw new MmapIoError(
      'Unsupported',
      `In view mode 'copy' a store into what ${method} returns would reach nothing; use updateRegion, asSliceMut, SegmentMut.write, ` +
        'chunksMut or atomics',
    )
  }

  #openLength(): number {
    if (this.#closed) throw closedError()
    return this.#status.length
  }

  #checkWritable(operation: string): void {
    if (this.#closed) throw closedError()
    if (this.#mode === MmapMode.ReadOnly) throw invalidMode(operation, this.#mode)
  }

  /** Ends the use of a writable slice: a copy goes back to where it came from, as far as that is still there. */
  #release(offset: number, length: number, bytes: Buffer): void {
    const size = Math.min(length, Math.max(0, this.#status.length - offset))
    if (!this.#views.live) this.#views.write(offset, bytes.subarray(0, size))
    this.#refuseLost(offset, size)
    this.#written(length)
  }

  /** Counts a write and flushes when the policy asks for it. */
  #written(bytes: number): void {
    if (!this.#opened.reachesFile || bytes === 0) return
    this.#status.count(bytes)
    if (this.#isFlushDue !== undefined) this.#flushIfDue()
  }

  #flushIfDue(): void {
    if (this.#isFlushDue?.(this.#status)) this.flushSync()
  }

  /** Checks a resize and returns what is to be called when it has ended. */
  #prepareResize(newSize: number, options: { detach?: boolean } | undefined): () => void {
    checkCount('newSize', newSize)
    const detach = checkDetach(options) ?? false
    const total = this.#openLength()
    const shown = this.#lead + newSize <= this.#views.longest
    if (shown && (!detach || newSize >= total)) return this.#views.hold()
    // A resize that is going to be refused must not cost the views.
    settle(this.#native.checkResize(newSize), this.path)
    if (!shown) throw tooLong(newSize)
    this.#views.empty()
    return this.#views.hold()
  }
}

function creating(create: 'truncate' | 'if-missing', size: number, options: WritableMapOptions | undefined) {
  checkCount('size', size)
  return writeRequest(options, { create, size })
}

function checkDetach(options: { detach?: boolean } | undefined): boolean | undefined {
  return checkBoolean('options.detach', pick(options, ['detach']).detach)
}
