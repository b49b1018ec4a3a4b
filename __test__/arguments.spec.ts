/** Rules R2 and R3: misuse is told before anything else, with Node's codes, and changes nothing. */
import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { alignUp, MemoryMappedFile, MmapIoError, pageSize } from '#mmap-io'
import { onLinux } from './support/conditions.ts'
import { pattern, tempFile, tempFolder } from './support/files.ts'
import { outcome } from './support/outcome.ts'

const badCounts: [value: unknown, code: string][] = [
  [-1, 'ERR_OUT_OF_RANGE'],
  [Number.NaN, 'ERR_OUT_OF_RANGE'],
  [Number.POSITIVE_INFINITY, 'ERR_OUT_OF_RANGE'],
  [1.5, 'ERR_OUT_OF_RANGE'],
  [2 ** 53, 'ERR_OUT_OF_RANGE'],
  ['0', 'ERR_INVALID_ARG_TYPE'],
  [null, 'ERR_INVALID_ARG_TYPE'],
  [1n, 'ERR_INVALID_ARG_TYPE'],
  [{}, 'ERR_INVALID_ARG_TYPE'],
  [[], 'ERR_INVALID_ARG_TYPE'],
  [Symbol('x'), 'ERR_INVALID_ARG_TYPE'],
]

type AnyCall = (...args: unknown[]) => unknown
const any = (mapping: MemoryMappedFile) => mapping as unknown as Record<string, AnyCall>

/** Each call with one count in its place. `undefined` stands for "left out", which is right in most places. */
const counts: Record<string, (m: MemoryMappedFile, count: unknown) => unknown> = {
  'asSlice offset': (m, count) => any(m).asSlice?.(count, 0),
  'asSlice length': (m, count) => any(m).asSlice?.(0, count),
  'asSliceMut offset': (m, count) => any(m).asSliceMut?.(count, 0),
  'asSliceMut length': (m, count) => any(m).asSliceMut?.(0, count),
  'readInto offset': (m, count) => any(m).readInto?.(count, new Uint8Array(0)),
  'readBytes offset': (m, count) => any(m).readBytes?.(count, 0),
  'readBytes length': (m, count) => any(m).readBytes?.(0, count),
  'updateRegion offset': (m, count) => any(m).updateRegion?.(count, 'x'),
  'dataView offset': (m, count) => any(m).dataView?.(count, 0),
  'dataView length': (m, count) => any(m).dataView?.(0, count),
  'typedArray offset': (m, count) => any(m).typedArray?.(Uint8Array, count, 0),
  'typedArray count': (m, count) => any(m).typedArray?.(Uint8Array, 0, count),
  'flushRange offset': (m, count) => any(m).flushRange?.(count, 0),
  'flushRange length': (m, count) => any(m).flushRange?.(0, count),
  'flushRangeSync offset': (m, count) => any(m).flushRangeSync?.(count, 0),
  'flushRangeSync length': (m, count) => any(m).flushRangeSync?.(0, count),
  'scheduleFlush offset': (m, count) => any(m).scheduleFlush?.(count, 0),
  'scheduleFlush length': (m, count) => any(m).scheduleFlush?.(0, count),
  'resize newSize': (m, count) => any(m).resize?.(count),
  'resizeSync newSize': (m, count) => any(m).resizeSync?.(count),
  'advise offset': (m, count) => any(m).advise?.(count, 0, 'normal'),
  'advise length': (m, count) => any(m).advise?.(0, count, 'normal'),
  'lock offset': (m, count) => any(m).lock?.(count, 0),
  'lock length': (m, count) => any(m).lock?.(0, count),
  'lockSync offset': (m, count) => any(m).lockSync?.(count, 0),
  'lockSync length': (m, count) => any(m).lockSync?.(0, count),
  'unlock offset': (m, count) => any(m).unlock?.(count, 0),
  'unlock length': (m, count) => any(m).unlock?.(0, count),
  'touchPages offset': (m, count) => any(m).touchPages?.([[count, 0]]),
  'touchPages length': (m, count) => any(m).touchPages?.([0, count]),
  'touchPagesSync offset': (m, count) =>
    any(m).touchPagesSync?.([
      [0, 0],
      [count, 0],
    ]),
  'touchPagesSync length': (m, count) => any(m).touchPagesSync?.([[0, count]]),
  'prefetch offset': (m, count) => any(m).prefetch?.(count, 0),
  'prefetch length': (m, count) => any(m).prefetch?.(0, count),
  'evict offset': (m, count) => any(m).evict?.(count, 0),
  'evict length': (m, count) => any(m).evict?.(0, count),
  'residency offset': (m, count) => any(m).residency?.(count, 0),
  'residency length': (m, count) => any(m).residency?.(0, count),
  'chunks chunkSize': (m, count) => any(m).chunks?.(count),
  'chunksMut chunkSize': (m, count) => any(m).chunksMut?.(count),
  'lines offset': (m, count) => any(m).lines?.({ offset: count, length: 0 }),
  'lines length': (m, count) => any(m).lines?.({ length: count }),
  'search limit': (m, count) => any(m).search?.('x', { limit: count }),
  'createReadStream start': (m, start) => any(m).createReadStream?.({ start }),
  'createReadStream end': (m, end) => any(m).createReadStream?.({ end }),
  'createReadStream highWaterMark': (m, highWaterMark) => any(m).createReadStream?.({ highWaterMark }),
  'stream offset': (m, offset) => any(m).stream?.({ offset, length: 0 }),
  'stream length': (m, length) => any(m).stream?.({ length }),
  'stream chunkSize': (m, chunkSize) => any(m).stream?.({ chunkSize }),
  'watch debounceMs': (m, count) => any(m).watch?.(undefined, { debounceMs: count }),
  'watch pollMs': (m, count) => any(m).watch?.(undefined, { pollMs: count }),
}

for (const method of ['atomicU64', 'atomicU32', 'atomicU64Slice', 'atomicU32Slice']) {
  counts[`${method} offset`] = (m, count) => any(m)[method]?.(count, 0)
  if (method.endsWith('Slice')) counts[`${method} count`] = (m, count) => any(m)[method]?.(0, count)
}

for (const [title, call] of Object.entries(counts)) {
  test(`${title} must be a safe integer >= 0, also on a read-only and a closed mapping`, async (t) => {
    const path = tempFile(t, pattern(100))
    const writable = MemoryMappedFile.openRwSync(path)
    const readable = MemoryMappedFile.openRoSync(path)
    const closed = MemoryMappedFile.openRwSync(path)
    closed.close()
    for (const [value, code] of badCounts) {
      for (const mapping of [writable, readable, closed]) t.is(await outcome(() => call(mapping, value)), code, String(value))
    }
    t.deepEqual(readFileSync(path), pattern(100))
    writable.close()
    readable.close()
  })
}

test('counts of the open functions must be safe integers >= 0', async (t) => {
  const path = tempFile(t, pattern(100))
  const { createRw, createRwSync, openRo, openRwSync, openOrCreate, openOrCreateSync, open, anonymous } =
    MemoryMappedFile as unknown as Record<string, AnyCall>
  for (const [value, code] of badCounts) {
    const calls = [
      () => createRw?.(path, value),
      () => createRwSync?.(path, value),
      () => openRo?.(path, { offset: value }),
      () => openRwSync?.(path, { length: value }),
      () => openOrCreate?.(path, value),
      () => openOrCreateSync?.(path, value),
      () => open?.(path, { mode: 'read-write', create: 'if-missing', size: value }),
      () => anonymous?.(value),
    ]
    for (const call of calls) t.is(await outcome(call), code, `${String(value)} in ${call}`)
  }
  t.deepEqual(readFileSync(path), pattern(100))
})

test('wrong types of other arguments are told by name', async (t) => {
  const path = tempFile(t, pattern(100))
  const mapping = MemoryMappedFile.openRwSync(path)
  const m = any(mapping)
  const calls: [() => unknown, string, RegExp][] = [
    [() => m.readInto?.(0, new ArrayBuffer(4)), 'ERR_INVALID_ARG_TYPE', /"target"/],
    [() => m.readInto?.(0, [1, 2]), 'ERR_INVALID_ARG_TYPE', /"target"/],
    [() => m.updateRegion?.(0, 7), 'ERR_INVALID_ARG_TYPE', /"data"/],
    [() => m.updateRegion?.(0, undefined), 'ERR_INVALID_ARG_TYPE', /"data"/],
    [() => m.updateRegion?.(0, [1]), 'ERR_INVALID_ARG_TYPE', /"data"/],
    [() => m.typedArray?.(Array), 'ERR_INVALID_ARG_TYPE', /"type"/],
    [() => m.typedArray?.(undefined), 'ERR_INVALID_ARG_TYPE', /"type"/],
    [() => m.indexOf?.('x', '1'), 'ERR_INVALID_ARG_TYPE', /"from"/],
    [() => m.lastIndexOf?.('x', null), 'ERR_INVALID_ARG_TYPE', /"from"/],
    [() => m.includes?.('x', 1n), 'ERR_INVALID_ARG_TYPE', /"from"/],
    [() => m.indexOf?.(), 'ERR_INVALID_ARG_TYPE', /"needle".*a byte/],
    [() => m.lastIndexOf?.(null), 'ERR_INVALID_ARG_TYPE', /"needle"/],
    [() => m.count?.(['x']), 'ERR_INVALID_ARG_TYPE', /"needle"/],
    [() => m.findAll?.({}), 'ERR_INVALID_ARG_TYPE', /"needle"/],
    [() => m.advise?.(0), 'ERR_INVALID_ARG_TYPE', /"length"/],
    [() => m.advise?.(0, 1), 'ERR_INVALID_ARG_VALUE', /"advice"/],
    [() => m.advise?.(0, 1, 'DontNeed'), 'ERR_INVALID_ARG_VALUE', /'dont-need'/],
    [() => m.touchPages?.(null), 'ERR_INVALID_ARG_TYPE', /"ranges"/],
    [() => m.touchPages?.(5), 'ERR_INVALID_ARG_TYPE', /"ranges"/],
    [() => m.touchPages?.(new Array(2 ** 32 - 1)), 'ERR_INVALID_ARG_TYPE', /"ranges\[0\]"/],
    [() => m.touchPages?.([5]), 'ERR_INVALID_ARG_TYPE', /"ranges\[0\]"/],
    [() => m.touchPages?.([[0, 1], 5]), 'ERR_INVALID_ARG_TYPE', /"ranges\[1\]"/],
    [() => m.touchPagesSync?.([[0, 1, 2]]), 'ERR_INVALID_ARG_TYPE', /"ranges\[0\]"/],
    [() => m.touchPages?.([], { signal: 5 }), 'ERR_INVALID_ARG_TYPE', /"options.signal"/],
    [() => m.touchPages?.([], { onProgress: {} }), 'ERR_INVALID_ARG_TYPE', /"options.onProgress"/],
    [() => m.touchPages?.([], { onProgres: () => {} }), 'ERR_INVALID_ARG_VALUE', /did you mean "onProgress"/],
    [() => m.search?.(true), 'ERR_INVALID_ARG_TYPE', /"needle"/],
    [() => m.search?.('x', 5), 'ERR_INVALID_ARG_TYPE', /"options"/],
    [() => m.search?.('x', { form: 5 }), 'ERR_INVALID_ARG_VALUE', /did you mean "from"/],
    [() => m.search?.('x', { from: '5' }), 'ERR_INVALID_ARG_TYPE', /"options.from"/],
    [() => m.search?.('x', { to: {} }), 'ERR_INVALID_ARG_TYPE', /"options.to"/],
    [() => m.search?.('x', { signal: {} }), 'ERR_INVALID_ARG_TYPE', /"options.signal"/],
    [() => m.search?.('x', { signal: null }), 'ERR_INVALID_ARG_TYPE', /"options.signal"/],
    [() => m.resize?.(5, { detach: 'yes' }), 'ERR_INVALID_ARG_TYPE', /"options.detach"/],
    [() => m.close?.(5), 'ERR_INVALID_ARG_TYPE', /"options"/],
    [() => m.close?.({ detach: 1 }), 'ERR_INVALID_ARG_TYPE', /"options.detach"/],
    [() => m.close?.({ detatch: false }), 'ERR_INVALID_ARG_VALUE', /did you mean "detach"/],
    [() => m.close?.([]), 'ERR_INVALID_ARG_TYPE', /"options"/],
    [() => m.resize?.(5, { detahc: true }), 'ERR_INVALID_ARG_VALUE', /did you mean "detach"/],
    [() => m.watch?.('modified'), 'ERR_INVALID_ARG_TYPE', /"listener" argument to be a function/],
    [() => m.watch?.(null), 'ERR_INVALID_ARG_TYPE', /"listener"/],
    [() => m.watch?.({ debounceMs: 5 }), 'ERR_INVALID_ARG_TYPE', /"listener"/],
    [() => m.watch?.(undefined, 5), 'ERR_INVALID_ARG_TYPE', /"options"/],
    [() => m.watch?.(undefined, { signal: {} }), 'ERR_INVALID_ARG_TYPE', /"options.signal"/],
    [() => m.watch?.(undefined, { debounceMs: 2 ** 31 }), 'ERR_OUT_OF_RANGE', /at most 2147483647/],
    [() => m.watch?.(undefined, { pollMs: 2 ** 31 }), 'ERR_OUT_OF_RANGE', /at most 2147483647/],
    [() => m.watch?.(undefined, { pollAll: 1 }), 'ERR_INVALID_ARG_TYPE', /"options.pollAll"/],
    [() => m.watch?.(undefined, { persistent: 'no' }), 'ERR_INVALID_ARG_TYPE', /"options.persistent"/],
    [() => m.watch?.(undefined, { debouncems: 5 }), 'ERR_INVALID_ARG_VALUE', /did you mean "debounceMs"/],
    [() => m.updateRegion?.(0, new Proxy(new Uint8Array(4), {})), 'ERR_INVALID_ARG_TYPE', /"data"/],
    [() => m.updateRegion?.(0, Object.create(Uint8Array.prototype)), 'ERR_INVALID_ARG_TYPE', /"data"/],
    [() => m.readInto?.(0, Object.create(Uint8Array.prototype)), 'ERR_INVALID_ARG_TYPE', /"target"/],
  ]
  for (const [call, code, message] of calls) {
    t.is(await outcome(call), code, String(call))
    const error = await t.throwsAsync(async () => call())
    t.regex(error.message, message)
  }
  t.false(mapping.closed)
  t.is(mapping.length, 100)
  mapping.close()
})

test('a byte to look for is 0 to 255, and a limit at least 1', async (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, pattern(100)))
  const closed = MemoryMappedFile.openRoSync(tempFile(t, pattern(100)))
  closed.close()
  for (const m of [any(mapping), any(closed)]) {
    for (const needle of [-1, 256, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 40]) {
      for (const method of ['indexOf', 'lastIndexOf', 'includes', 'count', 'findAll', 'search'])
        t.is(await outcome(() => m[method]?.(needle)), 'ERR_OUT_OF_RANGE', `${method}(${needle})`)
    }
    t.is(await outcome(() => m.search?.('x', { limit: 0 })), 'ERR_OUT_OF_RANGE')
  }
  mapping.close()
})

test('a view is taken for what it is, whatever it tells about itself', (t) => {
  const path = tempFile(t, pattern(100))
  const mapping = MemoryMappedFile.openRwSync(path)
  for (const told of [0, 3, 1000, -1, Number.NaN, 1n, undefined]) {
    class Liar extends Uint8Array {
      override get length() {
        return told as number
      }
    }
    const data = new Liar(new ArrayBuffer(5))
    mapping.updateRegion(10, data)
    t.deepEqual(readFileSync(path).subarray(10, 16), Buffer.from([...Buffer.alloc(5), ...pattern(16).subarray(15)]))
    mapping.updateRegion(10, pattern(100).subarray(10, 15))
    mapping.readInto(10, data)
    t.deepEqual(Buffer.from(data.buffer), pattern(100).subarray(10, 15))
    t.throws(() => mapping.updateRegion(96, data), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
    t.throws(() => mapping.readInto(96, data), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  }
  t.deepEqual(readFileSync(path), pattern(100))
  mapping.close()
})

test('a view whose buffer is gone has no bytes, and a message about it is made all the same', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, pattern(100)))
  for (const view of [new Uint8Array(8), new DataView(new ArrayBuffer(8))]) {
    structuredClone(view.buffer, { transfer: [view.buffer] })
    t.is(mapping.readInto(3, view), view)
    mapping.updateRegion(3, view)
    t.throws(() => mapping.asSlice(view as unknown as number), { code: 'ERR_INVALID_ARG_TYPE' })
  }
  t.deepEqual(mapping.asSlice(), pattern(100))
  mapping.close()
})

test('an MmapIoError cannot be made of nothing', (t) => {
  const Constructor = MmapIoError as unknown as new (...args: unknown[]) => MmapIoError
  for (const args of [[], ['Closed'], ['Closed', {}], ['Closed', 'x', null]]) {
    t.throws(() => new Constructor(...args), { code: 'ERR_INVALID_ARG_TYPE' })
  }
})

test('options are checked by name and value', async (t) => {
  const path = tempFile(t, pattern(100))
  const { open, openRo, openRw, openOrCreate, fromFd, createRw, anonymous } = MemoryMappedFile as unknown as Record<string, AnyCall>
  const calls: [() => unknown, string][] = [
    [() => openRo?.(path, null), 'ERR_INVALID_ARG_TYPE'],
    [() => openRo?.(path, 'fast'), 'ERR_INVALID_ARG_TYPE'],
    [() => openRo?.(path, []), 'ERR_INVALID_ARG_TYPE'],
    [() => openRo?.(path, { lenght: 5 }), 'ERR_INVALID_ARG_VALUE'],
    [() => openRo?.(path, { ofset: 5 }), 'ERR_INVALID_ARG_VALUE'],
    [() => openRo?.(path, { hugepages: true }), 'ERR_INVALID_ARG_VALUE'],
    [() => openRo?.(path, { view: 'fast' }), 'ERR_INVALID_ARG_VALUE'],
    [() => openRo?.(path, { advice: 'wildly' }), 'ERR_INVALID_ARG_VALUE'],
    [() => openRo?.(path, { touch: true }), 'ERR_INVALID_ARG_VALUE'],
    [() => openRo?.(path, { hugePages: 1 }), 'ERR_INVALID_ARG_TYPE'],
    [() => openRo?.(path, { guard: 'no' }), 'ERR_INVALID_ARG_TYPE'],
    [() => openRo?.(path, { gard: false }), 'ERR_INVALID_ARG_VALUE'],
    [() => openRw?.(path, { sparse: 1 }), 'ERR_INVALID_ARG_TYPE'],
    [() => openRw?.(path, { flushPolicy: 'sometimes' }), 'ERR_INVALID_ARG_VALUE'],
    [() => openRw?.(path, { flushPolicy: {} }), 'ERR_INVALID_ARG_VALUE'],
    [() => openRw?.(path, { flushPolicy: null }), 'ERR_INVALID_ARG_VALUE'],
    [() => openRw?.(path, { flushPolicy: { everyBytes: 1, everyWrites: 1 } }), 'ERR_INVALID_ARG_VALUE'],
    [() => openRw?.(path, { flushPolicy: { everyBytes: -1 } }), 'ERR_OUT_OF_RANGE'],
    [() => openRw?.(path, { flushPolicy: { everyWrites: '5' } }), 'ERR_INVALID_ARG_TYPE'],
    [() => openRw?.(path, { flushPolicy: { everyWrites: 2 ** 32 } }), 'ERR_OUT_OF_RANGE'],
    [() => open?.(path, { mode: 'rw' }), 'ERR_INVALID_ARG_VALUE'],
    [() => open?.(path, { mode: 'read-write', create: true }), 'ERR_INVALID_ARG_VALUE'],
    [() => open?.(path, { create: 'truncate', size: 5 }), 'ERR_INVALID_ARG_VALUE'],
    [() => open?.(path, { mode: 'copy-on-write', create: 'if-missing', size: 5 }), 'ERR_INVALID_ARG_VALUE'],
    [() => open?.(path, { mode: 'read-write', size: 5 }), 'ERR_INVALID_ARG_VALUE'],
    [() => fromFd?.(0, { mode: 'read-write', create: 'truncate', size: 5 }), 'ERR_INVALID_ARG_VALUE'],
    [() => createRw?.(path, 5, { sparce: true }), 'ERR_INVALID_ARG_VALUE'],
    [() => openOrCreate?.(path, 5, { flushPolice: 'always' }), 'ERR_INVALID_ARG_VALUE'],
    [() => anonymous?.(5, { veiw: 'copy' }), 'ERR_INVALID_ARG_VALUE'],
    [() => anonymous?.(5, { hugePages: 'yes' }), 'ERR_INVALID_ARG_TYPE'],
  ]
  for (const [call, code] of calls) t.is(await outcome(call), code, String(call))
  t.deepEqual(readFileSync(path), pattern(100))
  const error = await t.throwsAsync(() => MemoryMappedFile.openRo(path, { lenght: 5 } as object))
  t.regex(error.message, /did you mean "length"/)
})

test('an option name that is nothing like a known one is ignored', async (t) => {
  const mapping = await MemoryMappedFile.openRo(tempFile(t, 'abc'), { encoding: 'utf8' } as object)
  t.is(mapping.length, 3)
  mapping.close()
})

test('paths are strings, buffers or file URLs', async (t) => {
  const path = tempFile(t, 'abc')
  const url = new URL(`file://${path}`)
  for (const given of [path, Buffer.from(path), url]) {
    const mapping = await MemoryMappedFile.openRo(given)
    t.is(mapping.asSlice().toString(), 'abc')
    t.is(mapping.path, path)
    mapping.close()
  }
  const { openRo, openRoSync } = MemoryMappedFile as unknown as Record<string, AnyCall>
  const bad: [unknown, string][] = [
    [7, 'ERR_INVALID_ARG_TYPE'],
    [undefined, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [{}, 'ERR_INVALID_ARG_TYPE'],
    ['a\0b', 'ERR_INVALID_ARG_VALUE'],
    [Buffer.from('a\0b'), 'ERR_INVALID_ARG_VALUE'],
    [new URL('https://example.org/file'), 'ERR_INVALID_URL_SCHEME'],
  ]
  for (const [given, code] of bad) {
    t.is(await outcome(() => openRo?.(given)), code, String(given))
    t.is(await outcome(() => openRoSync?.(given)), code, String(given))
  }
})

onLinux('a path that is no UTF-8 is opened byte by byte', async (t) => {
  const { writeFileSync } = await import('node:fs')
  const path = Buffer.concat([Buffer.from(`${tempFolder(t)}/`), Buffer.from([0xff, 0xfe])])
  writeFileSync(path, 'bytes')
  const mapping = await MemoryMappedFile.openRo(path)
  t.is(mapping.asSlice().toString(), 'bytes')
  mapping.close()
})

test('descriptors are integers in range, and one that is not open is EBADF', async (t) => {
  const { fromFd, fromFdSync } = MemoryMappedFile as unknown as Record<string, AnyCall>
  const bad: [unknown, string][] = [
    [-1, 'ERR_OUT_OF_RANGE'],
    [1.5, 'ERR_OUT_OF_RANGE'],
    [2 ** 31, 'ERR_OUT_OF_RANGE'],
    ['0', 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [undefined, 'ERR_INVALID_ARG_TYPE'],
    [{}, 'ERR_INVALID_ARG_TYPE'],
  ]
  for (const [fd, code] of bad) {
    t.is(await outcome(() => fromFd?.(fd)), code, String(fd))
    t.is(await outcome(() => fromFdSync?.(fd)), code, String(fd))
  }
  const closed: (error: unknown) => boolean = (error) => error instanceof MmapIoError && error.kind === 'Io' && error.code === 'EBADF'
  t.true(await MemoryMappedFile.fromFd(999_999).then(() => false, closed))
  const { open } = await import('node:fs/promises')
  const handle = await open(tempFile(t, 'abc'))
  await handle.close()
  t.true(await MemoryMappedFile.fromFd(handle).then(() => false, closed))
})

test("a promise method never throws in the caller's face", async (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, 'abc'))
  mapping.close()
  const loose = any(mapping)
  const { openRo, openOrCreate, createRw, fromFd } = MemoryMappedFile as unknown as Record<string, AnyCall>
  const calls = [
    () => openRo?.(5),
    () => createRw?.('x', -1),
    () => openOrCreate?.('x'),
    () => fromFd?.('x'),
    () => loose.flush?.(),
    () => loose.flushRange?.(-1),
    () => loose.resize?.('x'),
    () => loose.lock?.('x'),
    () => loose.lockAll?.(),
    () => loose.touchPages?.('x'),
    () => loose.touchPages?.(),
    () => loose.evict?.('x'),
    () => loose.search?.('x'),
    () => loose.search?.(''),
  ]
  for (const call of calls) {
    let promise: unknown
    t.notThrows(() => {
      promise = call()
    }, String(call))
    await t.throwsAsync(promise as Promise<unknown>, undefined, String(call))
  }
})

test('what a mapping is cannot be changed from outside', (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, 'abc'))
  const loose = mapping as unknown as Record<string, unknown>
  for (const name of ['mode', 'path', 'viewMode', 'flushPolicy', 'length', 'closed']) {
    t.throws(
      () => {
        loose[name] = 'read-write'
      },
      { instanceOf: TypeError },
      name,
    )
  }
  t.throws(() => mapping.updateRegion(0, 'x'), { code: 'ERR_MMAP_INVALID_MODE' })
  mapping.close()
  const writable = MemoryMappedFile.openRwSync(tempFile(t, 'abc'), { flushPolicy: { everyBytes: 5 } })
  t.true(Object.isFrozen(writable.flushPolicy))
  writable.close()
})

test('the constructor is not for callers', (t) => {
  const Constructor = MemoryMappedFile as unknown as new (...args: unknown[]) => MemoryMappedFile
  t.throws(() => new Constructor(), { instanceOf: TypeError, code: 'ERR_ILLEGAL_CONSTRUCTOR' })
})

const aligns = test.macro((t: ExecutionContext, value: number, alignment: number, expected: number) =>
  t.is(alignUp(value, alignment), expected),
)
test('alignUp of 0', aligns, 0, 4096, 0)
test('alignUp of 1', aligns, 1, 4096, 4096)
test('alignUp of a multiple', aligns, 8192, 4096, 8192)
test('alignUp to 1', aligns, 12_345, 1, 12_345)
test('alignUp beyond 4 GiB', aligns, 2 ** 40 + 1, 2 ** 20, 2 ** 40 + 2 ** 20)

test('alignUp refuses what is no power of two and what gets too large', async (t) => {
  for (const alignment of [0, 3, 6, 2 ** 49 + 1, 2 ** 53 - 1, 2 ** 53, 1.5, -2])
    t.is(await outcome(() => alignUp(1, alignment)), 'ERR_OUT_OF_RANGE', String(alignment))
  t.is(await outcome(() => alignUp(2 ** 53 - 1, 2)), 'ERR_OUT_OF_RANGE')
  t.is(alignUp(2 ** 53 - 1, 1), 2 ** 53 - 1)
  for (const value of [0, 1]) t.throws(() => alignUp(value, 0), { message: /"alignment" argument to be a power of two, got 0/ })
})

test('pageSize is a power of two of at least 4096', (t) => {
  t.true(pageSize() >= 4096)
  t.true(Number.isInteger(Math.log2(pageSize())))
})
