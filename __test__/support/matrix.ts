/**
 * The behaviour matrix: every method in every state of a mapping, with the outcome that the contract asks for. A new method is a new
 * row; a new state is a new column.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { capabilities, MemoryMappedFile } from '#mmap-io'
import { outcome } from './outcome.ts'
import { view } from './view.ts'

export const states = ['read-only', 'read-write', 'copy-on-write', 'closed', 'empty', 'anonymous'] as const
export type State = (typeof states)[number]

export interface Row {
  title: string
  call: (mapping: MemoryMappedFile) => unknown
  /** 'ok', or the kind or code of the error, by state. */
  outcomes: Record<State, string>
  /** The same call through the twin, where there is one. */
  twin?: (mapping: MemoryMappedFile) => unknown
}

const outcomes = (readOnly: string, readWrite: string, copyOnWrite: string, closed: string, empty: string): Record<State, string> => ({
  'read-only': readOnly,
  'read-write': readWrite,
  'copy-on-write': copyOnWrite,
  closed,
  empty,
  // Memory without a file is as good as a file, but where a row says otherwise.
  anonymous: readWrite,
})

const reads = outcomes('ok', 'ok', 'ok', 'Closed', 'ok')
const readsBytes = outcomes('ok', 'ok', 'ok', 'Closed', 'OutOfBounds')
const writesBytes = outcomes('InvalidMode', 'ok', 'ok', 'Closed', 'InvalidMode')
/** Views that can be stored to must be the memory itself, or the stores were lost. */
const seesBytes = (row: Record<State, string>): Record<State, string> =>
  view === 'copy' ? { ...row, 'read-write': 'Unsupported', 'copy-on-write': 'Unsupported', anonymous: 'Unsupported' } : row
/** A shared buffer over the memory itself, or over one more of WebAssembly, which takes a file that stores reach. */
const sharesMemory =
  view === 'copy'
    ? allFail('Unsupported')
    : capabilities.views.includes('shared') && view !== 'wasm'
      ? reads
      : { ...allFail('Unsupported'), 'read-write': capabilities.views.includes('wasm') ? 'ok' : 'Unsupported', empty: 'ok' }
const anyState = outcomes('ok', 'ok', 'ok', 'ok', 'ok')

/** Length of the file that the mappings of the matrix are made of. */
export const LENGTH = 10_000

export const rows: Row[] = [
  { title: 'asSlice()', call: (m) => m.asSlice(), outcomes: reads },
  { title: 'asSlice of some bytes', call: (m) => m.asSlice(1, 5), outcomes: readsBytes },
  { title: 'asSlice of no bytes at any offset', call: (m) => m.asSlice(2 ** 53 - 1, 0), outcomes: reads },
  { title: 'asSlice past the end', call: (m) => m.asSlice(LENGTH, 1), outcomes: { ...allFail('OutOfBounds') } },
  { title: 'asSlice from past the end', call: (m) => m.asSlice(LENGTH + 1), outcomes: { ...allFail('OutOfBounds') } },
  { title: 'asSliceMut of some bytes', call: (m) => m.asSliceMut(1, 5), outcomes: writesBytes },
  { title: 'asSliceMut of no bytes', call: (m) => m.asSliceMut(LENGTH * 2, 0), outcomes: writesBytes },
  { title: 'asSliceMut past the end', call: (m) => m.asSliceMut(1, LENGTH), outcomes: outOfBoundsWhere(writesBytes) },
  { title: 'readInto', call: (m) => m.readInto(0, new Uint8Array(10)), outcomes: readsBytes },
  { title: 'readInto of no bytes', call: (m) => m.readInto(LENGTH * 2, new Uint8Array(0)), outcomes: reads },
  { title: 'readBytes()', call: (m) => m.readBytes(), outcomes: reads },
  { title: 'readBytes of some bytes', call: (m) => m.readBytes(9, 9), outcomes: readsBytes },
  { title: 'updateRegion', call: (m) => m.updateRegion(1, 'abc'), outcomes: writesBytes },
  { title: 'updateRegion of no bytes', call: (m) => m.updateRegion(LENGTH * 2, ''), outcomes: reads },
  { title: 'updateRegion past the end', call: (m) => m.updateRegion(LENGTH - 1, 'ab'), outcomes: outOfBoundsWhere(writesBytes) },
  { title: 'dataView()', call: (m) => m.dataView(), outcomes: seesBytes(reads) },
  { title: 'dataView of some bytes', call: (m) => m.dataView(3, 8), outcomes: seesBytes(readsBytes) },
  { title: 'typedArray', call: (m) => m.typedArray(Float64Array, 8, 2), outcomes: seesBytes(readsBytes) },
  { title: 'typedArray()', call: (m) => m.typedArray(Uint32Array), outcomes: seesBytes(reads) },
  {
    title: 'typedArray at a crooked offset',
    call: (m) => m.typedArray(Uint16Array, LENGTH + 1),
    outcomes: seesBytes(allFail('Misaligned')),
  },
  {
    title: 'typedArray of nothing behind the end',
    call: (m) => m.typedArray(Uint16Array, LENGTH + 2, 0),
    outcomes: seesBytes(allFail('OutOfBounds')),
  },
  { title: 'sharedBuffer', call: (m) => m.sharedBuffer(), outcomes: sharesMemory },
  { title: 'flush', call: (m) => m.flush(), twin: (m) => m.flushSync(), outcomes: reads },
  { title: 'flushRange()', call: (m) => m.flushRange(), twin: (m) => m.flushRangeSync(), outcomes: reads },
  { title: 'flushRange of some bytes', call: (m) => m.flushRange(5, 5), twin: (m) => m.flushRangeSync(5, 5), outcomes: readsBytes },
  {
    title: 'flushRange past the end',
    call: (m) => m.flushRange(5, LENGTH),
    twin: (m) => m.flushRangeSync(5, LENGTH),
    outcomes: { ...allFail('OutOfBounds') },
  },
  { title: 'scheduleFlush()', call: (m) => m.scheduleFlush(), outcomes: reads },
  { title: 'scheduleFlush of some bytes', call: (m) => m.scheduleFlush(5, 5), outcomes: readsBytes },
  {
    title: 'resize',
    call: (m) => m.resize(LENGTH / 2),
    twin: (m) => m.resizeSync(LENGTH / 2),
    outcomes: { ...outcomes('InvalidMode', 'ok', 'InvalidMode', 'Closed', 'InvalidMode'), anonymous: 'Unsupported' },
  },
  {
    title: 'resize to nothing',
    call: (m) => m.resize(0),
    twin: (m) => m.resizeSync(0),
    outcomes: outcomes('InvalidMode', 'ResizeFailed', 'InvalidMode', 'Closed', 'InvalidMode'),
  },
  { title: 'advise', call: (m) => m.advise(5, 5, 'random'), outcomes: readsBytes },
  { title: 'advise that pages may go', call: (m) => m.advise(0, LENGTH, 'dont-need'), outcomes: readsBytes },
  { title: 'advise on no bytes', call: (m) => m.advise(LENGTH * 2, 0, 'sequential'), outcomes: reads },
  { title: 'lock()', call: (m) => m.lock(), twin: (m) => m.lockSync(), outcomes: reads },
  { title: 'lock of some bytes', call: (m) => m.lock(5, 5), twin: (m) => m.lockSync(5, 5), outcomes: readsBytes },
  {
    title: 'lock past the end',
    call: (m) => m.lock(5, LENGTH),
    twin: (m) => m.lockSync(5, LENGTH),
    outcomes: { ...allFail('OutOfBounds') },
  },
  { title: 'unlock()', call: (m) => m.unlock(), outcomes: reads },
  { title: 'unlock of some bytes', call: (m) => m.unlock(5, 5), outcomes: readsBytes },
  { title: 'lockAll', call: (m) => m.lockAll(), twin: (m) => m.lockAllSync(), outcomes: reads },
  { title: 'unlockAll', call: (m) => m.unlockAll(), outcomes: reads },
  { title: 'touchPages()', call: (m) => m.touchPages(), twin: (m) => m.touchPagesSync(), outcomes: reads },
  { title: 'touchPages of no range', call: (m) => m.touchPages([]), twin: (m) => m.touchPagesSync([]), outcomes: reads },
  {
    title: 'touchPages of no bytes',
    call: (m) => m.touchPages([LENGTH * 2, 0]),
    twin: (m) => m.touchPagesSync([LENGTH * 2, 0]),
    outcomes: reads,
  },
  { title: 'touchPages of a range', call: (m) => m.touchPages([5, 5]), twin: (m) => m.touchPagesSync([5, 5]), outcomes: readsBytes },
  {
    title: 'touchPages of ranges, one of them past the end',
    call: (m) =>
      m.touchPages([
        [0, 0],
        [5, LENGTH],
      ]),
    twin: (m) =>
      m.touchPagesSync([
        [0, 0],
        [5, LENGTH],
      ]),
    outcomes: { ...allFail('OutOfBounds') },
  },
  { title: 'prefetch()', call: (m) => m.prefetch(), outcomes: reads },
  { title: 'prefetch of some bytes', call: (m) => m.prefetch(5, 5), outcomes: readsBytes },
  { title: 'evict()', call: (m) => m.evict(), outcomes: reads },
  { title: 'evict of some bytes', call: (m) => m.evict(5, 5), outcomes: readsBytes },
  { title: 'residency()', call: (m) => m.residency(), outcomes: reads },
  { title: 'residency of some bytes', call: (m) => m.residency(7, 7), outcomes: readsBytes },
  { title: 'chunks', call: (m) => [...m.chunks(3000)], outcomes: reads },
  { title: 'pages', call: (m) => [...m.pages()], outcomes: reads },
  { title: 'chunksMut', call: (m) => m.chunksMut(3000).forEachMut((_, bytes) => bytes.fill(1)), outcomes: writesBytes },
  { title: 'lines', call: (m) => [...m.lines()], outcomes: reads },
  { title: 'lines of some bytes', call: (m) => [...m.lines({ encoding: 'buffer', offset: 5, length: 5 })], outcomes: readsBytes },
  { title: 'indexOf', call: (m) => m.indexOf('x'), outcomes: reads },
  { title: 'indexOf of nothing', call: (m) => m.indexOf(''), outcomes: reads },
  { title: 'lastIndexOf', call: (m) => m.lastIndexOf(0x79), outcomes: reads },
  { title: 'includes', call: (m) => m.includes('x', -1), outcomes: reads },
  { title: 'count', call: (m) => m.count('xx'), outcomes: reads },
  { title: 'findAll', call: (m) => m.findAll('xx'), outcomes: reads },
  { title: 'every step of findAll', call: (m) => [...m.findAll('xx')], outcomes: reads },
  { title: 'search', call: (m) => m.search('xx', { to: -5 }), outcomes: reads },
  { title: 'createReadStream()', call: (m) => m.createReadStream(), outcomes: reads },
  { title: 'createReadStream from past the end', call: (m) => m.createReadStream({ start: LENGTH + 1 }), outcomes: reads },
  { title: 'stream()', call: (m) => m.stream(), outcomes: reads },
  { title: 'stream of some bytes', call: (m) => m.stream({ offset: 7, length: 7 }), outcomes: readsBytes },
  { title: 'stream from past the end', call: (m) => m.stream({ offset: LENGTH + 1 }), outcomes: { ...allFail('OutOfBounds') } },
  { title: 'response()', call: (m) => m.response(), outcomes: reads },
  { title: 'response to another method', call: (m) => m.response({ method: 'POST', headers: new Headers() }), outcomes: reads },
  { title: 'atomicU64', call: (m) => m.atomicU64(8), outcomes: writesBytes },
  { title: 'atomicU32', call: (m) => m.atomicU32(4), outcomes: writesBytes },
  { title: 'atomicU64Slice', call: (m) => m.atomicU64Slice(8, 4), outcomes: writesBytes },
  { title: 'atomicU32Slice', call: (m) => m.atomicU32Slice(4, 4), outcomes: writesBytes },
  { title: 'atomicU32Slice of nothing at the end', call: (m) => m.atomicU32Slice(LENGTH, 0), outcomes: writesBytes },
  {
    title: 'atomicU64 at a crooked offset, past the end',
    call: (m) => m.atomicU64(LENGTH + 1),
    outcomes: outcomes('InvalidMode', 'Misaligned', 'Misaligned', 'Closed', 'InvalidMode'),
  },
  { title: 'atomicU64 past the end', call: (m) => m.atomicU64(LENGTH), outcomes: outOfBoundsWhere(writesBytes) },
  { title: 'check', call: (m) => m.check(), outcomes: reads },
  { title: 'heal', call: (m) => m.heal(), outcomes: reads },
  { title: 'faultWord', call: (m) => m.faultWord, outcomes: reads },
  { title: 'share', call: (m) => m.share(), outcomes: reads },
  { title: 'watch', call: (m) => m.watch().close(), outcomes: { ...reads, anonymous: 'Unsupported' } },
  { title: 'close', call: (m) => m.close(), outcomes: anyState },
  { title: 'Symbol.dispose', call: (m) => m[Symbol.dispose](), outcomes: anyState },
  { title: 'Symbol.asyncDispose', call: (m) => m[Symbol.asyncDispose](), outcomes: anyState },
]

function allFail(kind: string): Record<State, string> {
  return outcomes(kind, kind, kind, 'Closed', kind)
}

/** Where the bytes would have been fine, they are out of bounds; mode and closing come first. */
function outOfBoundsWhere(row: Record<State, string>): Record<State, string> {
  return Object.fromEntries(Object.entries(row).map(([state, ends]) => [state, ends === 'ok' ? 'OutOfBounds' : ends])) as Record<
    State,
    string
  >
}

function open(state: State, path: string): MemoryMappedFile {
  switch (state) {
    case 'read-only':
    case 'empty':
      return MemoryMappedFile.openRoSync(path)
    case 'copy-on-write':
      return MemoryMappedFile.openCowSync(path)
    case 'read-write':
      return MemoryMappedFile.openRwSync(path)
    case 'anonymous': {
      const mapping = MemoryMappedFile.anonymous(LENGTH)
      mapping.asSlice().fill('x')
      return mapping
    }
    case 'closed': {
      const mapping = MemoryMappedFile.openRwSync(path)
      mapping.close()
      return mapping
    }
  }
}

/** Runs one call on a fresh mapping in the given state and tells how it ended. */
export async function cell(call: (mapping: MemoryMappedFile) => unknown, state: State): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'mmap-io-test-'))
  try {
    const path = join(folder, 'file.bin')
    writeFileSync(path, Buffer.alloc(state === 'empty' ? 0 : LENGTH, 'x'))
    const mapping = open(state, path)
    const ended = await outcome(() => call(mapping))
    mapping.close()
    return ended
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
