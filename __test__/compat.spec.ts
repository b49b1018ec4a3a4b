/** The interface of the older packages of this name. */
import { closeSync, openSync, readFileSync, statfsSync, statSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { MemoryMappedFile } from '#mmap-io'
import mmap, * as named from '#mmap-io/compat'
import { prelude, run, survives } from './support/child.ts'
import { withGuard, withLiveViews, withLiveViewsOnUnix } from './support/conditions.ts'
import { pattern, sparseFile, tempFile } from './support/files.ts'
import { isLive, view } from './support/view.ts'

const { PROT_NONE, PROT_READ, PROT_WRITE, PROT_EXEC, MAP_SHARED, MAP_PRIVATE, MAP_POPULATE, MAP_NONBLOCK, PAGESIZE } = mmap

const withGuardedViews = isLive ? withGuard : test.skip
const withLiveViewsOnLinux = process.platform === 'linux' ? withLiveViews : test.skip

const LENGTH = 10_000
const BYTES = pattern(LENGTH)

/** Maps a file by its path; the descriptor is closed at once. */
function mapFile(path: string, protection: number, flags: number, offset = 0, size = statSync(path).size - offset): Buffer {
  const fd = openSync(path, protection & PROT_WRITE ? 'r+' : 'r')
  try {
    return mmap.map(size, protection, flags, fd, offset)
  } finally {
    closeSync(fd)
  }
}

test('the default export holds the named ones, and no constant can be changed', (t) => {
  const { default: all, ...others } = named
  t.deepEqual({ ...all }, others)
  t.true(Object.isFrozen(all))
  t.is(mmap.PAGESIZE, mmap.PAGE_SIZE)
  for (const value of Object.values(all)) t.regex(typeof value, /number|function/)
})

withLiveViews('each protection and sharing shows the bytes, and stores go where they should', (t) => {
  for (const protection of [PROT_NONE, PROT_READ, PROT_WRITE, PROT_EXEC, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC, 7]) {
    for (const flags of [MAP_SHARED, MAP_PRIVATE, MAP_SHARED | MAP_POPULATE, MAP_PRIVATE | MAP_POPULATE | MAP_NONBLOCK]) {
      const path = tempFile(t, BYTES)
      const title = `protection ${protection}, flags ${flags}`
      const buffer = mapFile(path, protection, flags)
      t.deepEqual(buffer, BYTES, title)
      buffer[5] = 0xee
      const reaches = (protection & PROT_WRITE) !== 0 && (flags & MAP_SHARED) !== 0
      t.is(readFileSync(path)[5], reaches ? 0xee : BYTES[5], title)
      t.is(buffer[5], 0xee, title)
    }
  }
})

withLiveViews('a shared map shows what is written to the file', (t) => {
  const path = tempFile(t, BYTES)
  const reading = mapFile(path, PROT_READ, MAP_SHARED)
  const writing = mapFile(path, PROT_READ | PROT_WRITE, MAP_SHARED)
  writing.write('stored', 100)
  t.is(reading.toString('latin1', 100, 106), 'stored')
})

withLiveViews('an offset may be any byte', (t) => {
  const path = tempFile(t, BYTES)
  for (const offset of [0, 1, 4095, PAGESIZE, PAGESIZE + 1, LENGTH - 1])
    t.deepEqual(mapFile(path, PROT_READ, MAP_SHARED, offset), BYTES.subarray(offset), String(offset))
})

withLiveViewsOnUnix('bytes behind the end of the file are zeros, and stores there reach nothing', (t) => {
  for (const flags of [MAP_SHARED, MAP_PRIVATE]) {
    for (const offset of [0, 5, PAGESIZE, LENGTH - 1, LENGTH, LENGTH + 1, 5 * PAGESIZE + 3]) {
      const path = tempFile(t, BYTES)
      const size = 10 * PAGESIZE + 7
      const buffer = mapFile(path, PROT_READ | PROT_WRITE, flags, offset, size)
      const there = BYTES.subarray(offset)
      t.deepEqual(buffer, Buffer.concat([there, Buffer.alloc(size - there.length)]), `${flags} ${offset}`)
      buffer.fill(0x11, PAGESIZE * 4)
      mmap.sync(buffer, true)
      t.is(buffer.at(-1), 0x11)
      t.is(statSync(path).size, LENGTH)
      t.deepEqual(
        mmap.incore(buffer).reduce((sum, pages) => sum + pages),
        Math.ceil(((offset % PAGESIZE) + size) / PAGESIZE),
      )
      mmap.advise(buffer, mmap.MADV_DONTNEED)
      t.is(buffer.at(-1), 0x11, 'advice never drops bytes')
    }
  }
})

withLiveViewsOnUnix('an empty file can be mapped, as zeros', (t) => {
  t.deepEqual(mapFile(tempFile(t), PROT_READ, MAP_SHARED, 0, 5), Buffer.alloc(5))
})

withLiveViewsOnUnix('what the old package died of ends no process', async (t) => {
  const result = await survives(
    t,
    `${prelude}
    import mmap from '#mmap-io/compat'
    const fd = fs.openSync(path, 'r+')
    const past = mmap.map(1 << 20, mmap.PROT_READ, mmap.MAP_SHARED, fd)
    const readable = mmap.map(10, mmap.PROT_READ, mmap.MAP_SHARED, fd)
    const forbidden = mmap.map(10, mmap.PROT_NONE, mmap.MAP_PRIVATE, fd)
    readable[0] = 1
    forbidden[0] = 2
    past.fill(3)
    print([past[(1 << 20) - 1], readable[0], forbidden[0], fs.readFileSync(path, 'latin1')])
    `,
    tempFile(t, 'a short file'),
  )
  t.deepEqual(result, [3, 1, 2, 'a short file'])
})

withLiveViews('offsets beyond 2^32 are right', (t) => {
  const path = sparseFile(t, 2 ** 32 + 3 * PAGESIZE)
  const file = MemoryMappedFile.openRwSync(path, { sparse: true })
  file.updateRegion(2 ** 32 + 5, 'far')
  const buffer = mapFile(path, PROT_READ | PROT_WRITE, MAP_SHARED, 2 ** 32 + 5, 10)
  t.is(buffer.toString('latin1', 0, 3), 'far')
  buffer.write('FAR')
  t.is(file.asSlice(2 ** 32 + 5, 3).toString(), 'FAR')
  mmap.sync(buffer, 0, 3, true)
  file.close()
})

withLiveViews('sizes beyond 2^32 are right where a Buffer can be so long, and Unsupported elsewhere', (t) => {
  const path = sparseFile(t, 2 ** 32 + 3 * PAGESIZE)
  const fd = openSync(path, 'r+')
  const open = () => mmap.map(2 ** 32 + 3 * PAGESIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd)
  if (process.versions.node.startsWith('20.')) t.throws(open, { code: 'ERR_MMAP_UNSUPPORTED', message: /in parts/ })
  else if (view === 'wasm') t.throws(open, { code: 'ERR_MMAP_UNSUPPORTED', message: /readInto/ })
  else {
    const buffer = open()
    t.is(buffer.length, 2 ** 32 + 3 * PAGESIZE)
    buffer[2 ** 32 + PAGESIZE] = 7
    mmap.sync(buffer, 2 ** 32 + PAGESIZE, 1, true)
    mmap.advise(buffer, 2 ** 32, PAGESIZE, mmap.MADV_WILLNEED)
    const file = MemoryMappedFile.openRoSync(path)
    t.is(file.asSlice(2 ** 32 + PAGESIZE, 1)[0], 7)
    file.close()
    const [out, inMemory] = mmap.incore(buffer.subarray(2 ** 32))
    t.is(out + inMemory, 3)
  }
  closeSync(fd)
})

test('errors of the operating system carry code, errno and syscall', (t) => {
  const is = (call: () => unknown, code: string, errno: number, syscall: string) => {
    const error = t.throws(call) as NodeJS.ErrnoException
    t.like(error, { name: 'MmapIoError', code, errno, syscall })
  }
  is(() => mmap.map(10, PROT_READ, MAP_SHARED, 999_999), 'EBADF', -9, 'dup')
  const reading = openSync(tempFile(t, BYTES), 'r')
  is(() => mmap.map(10, PROT_READ | PROT_WRITE, MAP_SHARED, reading), 'EACCES', -13, 'mmap')
  closeSync(reading)
})

test('misuse is told by name and changes nothing', (t) => {
  const fd = openSync(tempFile(t, BYTES), 'r')
  const map = mmap.map as (...args: unknown[]) => Buffer
  const cases: [unknown[], string, RegExp][] = [
    [[0, PROT_READ, MAP_SHARED, fd], 'ERR_OUT_OF_RANGE', /"size"/],
    [[-1, PROT_READ, MAP_SHARED, fd], 'ERR_OUT_OF_RANGE', /"size"/],
    [['foo', PROT_READ, MAP_SHARED, fd], 'ERR_INVALID_ARG_TYPE', /"size"/],
    [[10, undefined, MAP_SHARED, fd], 'ERR_INVALID_ARG_TYPE', /"protection"/],
    [[10, 8, MAP_SHARED, fd], 'ERR_INVALID_ARG_VALUE', /"protection"/],
    [[10, 2 ** 32 + 1, MAP_SHARED, fd], 'ERR_INVALID_ARG_VALUE', /"protection"/],
    [[10, PROT_READ, 0, fd], 'ERR_INVALID_ARG_VALUE', /"flags"/],
    [[10, PROT_READ, MAP_SHARED | MAP_PRIVATE, fd], 'ERR_INVALID_ARG_VALUE', /"flags"/],
    [[10, PROT_READ, MAP_SHARED | 0x20, fd], 'ERR_INVALID_ARG_VALUE', /"flags"/],
    [[10, PROT_READ, 2 ** 32 + MAP_SHARED, fd], 'ERR_INVALID_ARG_VALUE', /"flags"/],
    [[10, PROT_READ, MAP_SHARED, '3'], 'ERR_INVALID_ARG_TYPE', /"fd"/],
    [[10, PROT_READ, MAP_SHARED, -1], 'ERR_OUT_OF_RANGE', /"fd"/],
    [[10, PROT_READ, MAP_SHARED, fd, -1], 'ERR_OUT_OF_RANGE', /"offset"/],
    [[10, PROT_READ, MAP_SHARED, fd, 1.5], 'ERR_OUT_OF_RANGE', /"offset"/],
    [[10, PROT_READ, MAP_SHARED, fd, 0, 99], 'ERR_INVALID_ARG_VALUE', /"advise"/],
    [[10, PROT_READ, MAP_SHARED, fd, 0, 'fast'], 'ERR_INVALID_ARG_TYPE', /"advise"/],
  ]
  for (const [args, code, message] of cases) t.throws(() => map(...args), { code, message }, JSON.stringify(args))
  closeSync(fd)
})

withLiveViews('the other functions take mapped Buffers only, whole or in part', (t) => {
  const { advise, incore, sync } = mmap as unknown as Record<string, (...args: unknown[]) => unknown>
  const buffer = mapFile(tempFile(t, BYTES), PROT_READ | PROT_WRITE, MAP_SHARED, 100)
  const calls = [(b: unknown) => advise?.(b, 0), (b: unknown) => incore?.(b), (b: unknown) => sync?.(b)]
  for (const call of calls) {
    for (const part of [
      buffer,
      buffer.subarray(7),
      buffer.subarray(7, 9),
      buffer.subarray(7, 7),
      new DataView(buffer.buffer, buffer.byteOffset, 5),
    ])
      t.notThrows(() => call(part))
    for (const other of [Buffer.alloc(5), Buffer.from('pooled'), new Uint8Array(5), Buffer.from(buffer.buffer, 0, 5)])
      t.throws(() => call(other), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_VALUE' })
    for (const none of [undefined, null, 5, 'text', {}, buffer.buffer])
      t.throws(() => call(none), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE' })
  }
  t.throws(() => advise?.(buffer, 5), { code: 'ERR_INVALID_ARG_VALUE' })
  t.throws(() => advise?.(buffer), { code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => advise?.(buffer, 0, buffer.length + 1, 0), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  t.throws(() => advise?.(buffer.subarray(0, 5), 0, 6, 0), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  t.throws(() => sync?.(buffer, -1), { code: 'ERR_OUT_OF_RANGE' })
  t.throws(() => sync?.(buffer, buffer.length + 1), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  t.throws(() => sync?.(buffer, 0, 5, 'yes'), { code: 'ERR_INVALID_ARG_TYPE' })
})

withLiveViews('every form of sync and advise is accepted', (t) => {
  const path = tempFile(t, BYTES)
  const buffer = mapFile(path, PROT_READ | PROT_WRITE, MAP_SHARED)
  mmap.sync(buffer)
  mmap.sync(buffer, true)
  mmap.sync(buffer, false, true)
  mmap.sync(buffer, 0, LENGTH)
  mmap.sync(buffer, 5, 7, true)
  mmap.sync(buffer, 5, 7, true, true)
  mmap.sync(buffer, undefined, undefined, true)
  for (const advice of [mmap.MADV_NORMAL, mmap.MADV_RANDOM, mmap.MADV_SEQUENTIAL, mmap.MADV_WILLNEED, mmap.MADV_DONTNEED]) {
    mmap.advise(buffer, advice)
    mmap.advise(buffer, 5, 7, advice)
    mmap.advise(mmap.map(10, PROT_READ, MAP_PRIVATE, openAgain(t, path), 0, advice), advice)
  }
  t.deepEqual(buffer, BYTES)
})

function openAgain(t: ExecutionContext, path: string): number {
  const fd = openSync(path, 'r')
  t.teardown(() => closeSync(fd))
  return fd
}

/** What the kernel tells of all maps of a file. */
const kernelSays = (path: string, name: string): string => {
  const [, ...maps] = readFileSync('/proc/self/smaps', 'utf8').split(path)
  return maps.map((map) => new RegExp(`^${name}: *(.*)`, 'm').exec(map)?.[1]).join()
}

withLiveViewsOnLinux('advice gets to the kernel', (t) => {
  const path = tempFile(t, BYTES)
  const buffer = mapFile(path, PROT_READ, MAP_SHARED)
  mmap.advise(buffer, mmap.MADV_RANDOM)
  t.regex(kernelSays(path, 'VmFlags'), /\brr\b/)
  mmap.advise(buffer, mmap.MADV_SEQUENTIAL)
  t.regex(kernelSays(path, 'VmFlags'), /\bsr\b/)
  t.is(buffer.length, LENGTH)
})

withLiveViewsOnLinux('a blocking sync leaves no dirty page', (t) => {
  const path = tempFile(t, BYTES)
  if (statfsSync(path).type === TMPFS) return t.pass('files of tmpfs are nowhere else')
  const buffer = mapFile(path, PROT_READ | PROT_WRITE, MAP_SHARED)
  buffer.fill(1)
  t.regex(kernelSays(path, 'Private_Dirty'), /[1-9]\d* kB/)
  mmap.sync(buffer, true)
  t.notRegex(kernelSays(path, 'Private_Dirty'), /[1-9]/)
  t.notRegex(kernelSays(path, 'Shared_Dirty'), /[1-9]/)
})

const TMPFS = 0x01021994

withLiveViewsOnLinux('incore tells pages in and out of memory', async (t) => {
  const path = tempFile(t, pattern(8 * PAGESIZE))
  const file = MemoryMappedFile.openRwSync(path)
  file.flushSync()
  await file.evict()
  file.close()
  t.deepEqual(mmap.incore(mapFile(path, PROT_READ, MAP_SHARED)), [8, 0])
  const loaded = mapFile(path, PROT_READ, MAP_SHARED | MAP_POPULATE)
  t.deepEqual(mmap.incore(loaded), [0, 8])
  t.deepEqual(mmap.incore(loaded.subarray(PAGESIZE - 1, PAGESIZE + 1)), [0, 2])
})

withGuardedViews('a file that is cut reads as zeros, and what was stored behind its end stays', async (t) => {
  const result = await survives(
    t,
    `${prelude}
    import mmap from '#mmap-io/compat'
    const fd = fs.openSync(path, 'r+')
    const buffer = mmap.map(100_000, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, fd)
    buffer[90_000] = 7
    fs.ftruncateSync(fd, 5)
    const bytes = [buffer[4], buffer[19_999], buffer[90_000]]
    let code
    try { mmap.sync(buffer, true) } catch (error) { code = error.code }
    print([...bytes, code])
    `,
    tempFile(t, Buffer.alloc(20_000, 1)),
  )
  t.deepEqual(result, [1, 0, 7, 'ERR_MMAP_TRUNCATED'])
})

withLiveViewsOnLinux('the garbage collector gives the memory and the file back, and not before', async (t) => {
  const result = await survives(
    t,
    `${prelude}
    import mmap from '#mmap-io/compat'
    const fd = fs.openSync(path, 'r+')
    const before = descriptorsOf(path)
    let kept = mmap.map(100, mmap.PROT_READ, mmap.MAP_SHARED, fd).subarray(10, 20)
    for (let i = 0; i < 300; i++) mmap.map(100_000, mmap.PROT_READ | mmap.PROT_WRITE, i % 2 ? mmap.MAP_SHARED : mmap.MAP_PRIVATE, fd).fill(1)
    await collect()
    const one = [mapsOf(path), descriptorsOf(path) - before, kept.toString()]
    mmap.advise(kept, mmap.MADV_RANDOM)
    kept = undefined
    await collect()
    print([...one, mapsOf(path), descriptorsOf(path) - before])
    `,
    tempFile(t, pattern(100)),
  )
  const [maps, files, , mapsAfter, filesAfter] = result as unknown[]
  // In view mode 'wasm' the native side has a map of its own.
  t.deepEqual([maps, files, mapsAfter, filesAfter], [view === 'wasm' ? 2 : 1, 1, 0, 0])
})

test('it can be required', async (t) => {
  const path = tempFile(t, BYTES)
  const source = `
    const { createRequire } = process.getBuiltinModule('node:module')
    const mmap = createRequire(process.cwd() + '/program.cjs')('#mmap-io/compat')
    const fs = process.getBuiltinModule('node:fs')
    console.log(mmap.map(100, mmap.PROT_READ, mmap.MAP_SHARED, fs.openSync(process.argv[1], 'r')).length)
  `
  const { stdout, stderr } = await run(source, [path], undefined, { MMAP_IO_VIEW: 'external' })
  t.is(stdout, '100\n', stderr)
})

test('where no view of mapped memory can be had, map says so', (t) => {
  const path = tempFile(t, BYTES)
  if (view === 'copy') t.throws(() => mapFile(path, PROT_READ, MAP_SHARED), { code: 'ERR_MMAP_UNSUPPORTED', message: /readInto/ })
  else t.deepEqual(mapFile(path, PROT_READ, MAP_SHARED), BYTES)
})
