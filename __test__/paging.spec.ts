/** Pages loaded, locked and let go; shown by what the kernel says of them, never by time. */
import { execFileSync } from 'node:child_process'
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { MemoryMappedFile, MmapMode, pageSize } from '#mmap-io'
import { rangesAfter } from '../src/paging.ts'
import { prelude, run, survives } from './support/child.ts'
import { asRootOnLinux, onLinux, withEviction } from './support/conditions.ts'
import { pattern, tempFile } from './support/files.ts'
import { view } from './support/view.ts'

const page = pageSize()

/** A file of some pages that are on the device: only those can be dropped. */
function cleanFile(t: ExecutionContext, pages: number): string {
  const path = tempFile(t, pattern(pages * page))
  const fd = openSync(path, 'r')
  fsyncSync(fd)
  closeSync(fd)
  return path
}

const residentPages = (mapping: MemoryMappedFile) => [...mapping.residency().map.entries()].filter(([, is]) => is === 1).map(([at]) => at)

for (const mode of Object.values(MmapMode)) {
  withEviction(`evict drops the pages of a ${mode} mapping, and touchPages loads the ranges it is given`, async (t) => {
    const mapping = MemoryMappedFile.openSync(cleanFile(t, 256), { mode })
    t.is(await mapping.touchPages(), 256 * page)
    t.is(mapping.residency().residentPages, 256)
    await mapping.evict()
    t.deepEqual(residentPages(mapping), [])
    const length = await mapping.touchPages([
      [200 * page + 5, 1],
      [3 * page - 1, 2],
    ])
    t.is(length, 3)
    t.deepEqual(residentPages(mapping), [2, 3, 200])
    await mapping.evict()
    t.is(mapping.touchPagesSync([100 * page, 2 * page]), 2 * page)
    t.deepEqual(residentPages(mapping), [100, 101])
    t.deepEqual(mapping.readBytes(100 * page, 10), pattern(101 * page).subarray(100 * page, 100 * page + 10))
    mapping.close()
  })
}

withEviction('evict of a range leaves the rest', async (t) => {
  const mapping = MemoryMappedFile.openRoSync(cleanFile(t, 64), { offset: 7 })
  mapping.touchPagesSync()
  await mapping.evict(10 * page, 1)
  await mapping.evict(20 * page, 0)
  t.deepEqual(
    residentPages(mapping),
    Array.from({ length: 64 }, (_, at) => at).filter((at) => at !== 10),
  )
  mapping.close()
})

withEviction('prefetch brings pages in without a touch', async (t) => {
  const mapping = MemoryMappedFile.openRoSync(cleanFile(t, 64))
  await mapping.evict()
  mapping.prefetch(5 * page, 2 * page)
  // The device works on while the call has returned.
  const end = Date.now() + 60_000
  while (residentPages(mapping).length < 2 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 1))
  t.deepEqual(residentPages(mapping), [5, 6])
  mapping.close()
})

test('evict and dont-need never change a byte, stored or not, in any mode', async (t) => {
  const path = cleanFile(t, 16)
  const dirty = MemoryMappedFile.openRwSync(path)
  const copy = MemoryMappedFile.openCowSync(path)
  const stray = MemoryMappedFile.openRoSync(path)
  const memory = MemoryMappedFile.anonymous(16 * page)
  const bytes = Buffer.alloc(5 * page, 'stored')
  for (const mapping of [dirty, copy, memory]) mapping.updateRegion(3 * page + 9, bytes)
  stray.asSlice(3 * page + 9, bytes.length).set(bytes)
  for (const mapping of [dirty, copy, stray, memory]) {
    mapping.advise(0, mapping.length, 'dont-need')
    await mapping.evict()
    t.deepEqual(mapping.readBytes(3 * page + 9, bytes.length), bytes, mapping.mode)
  }
  t.deepEqual(readFileSync(path).subarray(3 * page + 9, 3 * page + 9 + bytes.length), bytes)
  for (const mapping of [dirty, copy, stray, memory]) mapping.close()
})

withEviction('evict leaves dirty pages in memory until they are flushed, and locked ones until they are unlocked', async (t) => {
  // Random: the kernel reads single pages then, not pieces of many, which it keeps or drops whole.
  const mapping = MemoryMappedFile.openRwSync(cleanFile(t, 64), { advice: 'random' })
  await mapping.evict()
  mapping.touchPagesSync()
  mapping.lockSync(30 * page, 2 * page)
  await mapping.evict()
  t.deepEqual(residentPages(mapping), [30, 31])
  mapping.unlockAll()
  await mapping.evict()
  t.deepEqual(residentPages(mapping), [])
  mapping.updateRegion(0, 'dirty')
  await mapping.evict()
  // The kernel has begun to write it back, and may be done before it is asked.
  t.true(residentPages(mapping).every((at) => at === 0))
  t.is(mapping.readBytes(0, 5).toString(), 'dirty')
  await mapping.flush()
  await mapping.evict()
  // In view mode 'wasm' the page is mapped once more, for the view that stored to it.
  t.deepEqual(residentPages(mapping), view === 'wasm' ? [0] : [])
  mapping.close()
})

test('touchPages tells how far it is, in bytes, and at last that it is done', async (t) => {
  const memory = MemoryMappedFile.anonymous(2 ** 26)
  const told: [number, number][] = []
  // As often as it takes this machine longer than one step.
  for (let times = 1000; told.length < 3; times *= 2) {
    told.length = 0
    const ranges = Array.from({ length: times }, () => [0, 2 ** 26] as const)
    const total = times * 2 ** 26
    t.is(await memory.touchPages(ranges, { onProgress: (done, all) => told.push([done, all]) }), total)
    t.true(told.every(([done, all], at) => all === total && done > (told[at - 1]?.[0] ?? 0)))
    t.deepEqual(told.at(-1), [total, total])
  }
  t.is(await memory.touchPages([], { onProgress: (...args) => told.push(args) }), 0)
  t.deepEqual(told.at(-1), [0, 0])
  memory.close()
})

/** With one thread in the pool, a flush waits for a touch of 26 TiB that would take minutes. */
const endless = `${prelude}
  const memory = MemoryMappedFile.anonymous(2 ** 28)
  const ranges = Array.from({ length: 100_000 }, () => [0, 2 ** 28])
  const reason = new Error('enough')
  const failed = async (promise) => promise.then(() => 'done', (error) => error === reason)
  const poolIsFree = async () => { await memory.evict(); return true }`

async function endsEarly(t: ExecutionContext, body: string, expected: unknown): Promise<void> {
  const { stdout, stderr } = await run(endless + body, [], [], { UV_THREADPOOL_SIZE: '1' })
  t.deepEqual(JSON.parse(stdout || 'null'), expected, stderr)
}

test('an aborted touchPages rejects with the reason, and its work ends', async (t) => {
  await endsEarly(
    t,
    `
    const early = AbortSignal.abort(reason)
    const before = await failed(memory.touchPages(ranges, { signal: early }))
    const controller = new AbortController()
    const told = []
    const touch = memory.touchPages(ranges, { signal: controller.signal, onProgress: (done) => { told.push(done); controller.abort(reason) } })
    print([before, await failed(touch), await poolIsFree(), told.length])`,
    [true, true, true, 1],
  )
})

test('what onProgress throws ends the work and rejects the promise', async (t) => {
  await endsEarly(
    t,
    `
    const during = await failed(memory.touchPages(ranges, { onProgress: () => { throw reason } }))
    const last = await failed(memory.touchPages([0, 1], { onProgress: () => { throw reason } }))
    print([during, last, await poolIsFree()])`,
    [true, true, true],
  )
})

test('close does not disturb a step that is running, and no step follows', async (t) => {
  const mapping = MemoryMappedFile.openRwSync(cleanFile(t, 256))
  const touch = mapping.touchPages()
  mapping.close()
  t.is(await touch, 256 * page)
  await endsEarly(
    t,
    `
    const touch = memory.touchPages(ranges).then(() => 'done', (error) => error.code)
    setTimeout(() => memory.close(), 10)
    print(await touch)`,
    'ERR_MMAP_CLOSED',
  )
})

test('a step goes on behind the bytes that the one before has loaded', (t) => {
  const ranges = Float64Array.of(0, 0, 100, 10, 50, 0, 7, 5)
  const after = (bytes: number) => [...rangesAfter(ranges, bytes)]
  t.deepEqual(after(0), [100, 10, 50, 0, 7, 5])
  t.deepEqual(after(1), [101, 9, 50, 0, 7, 5])
  t.deepEqual(after(9), [109, 1, 50, 0, 7, 5])
  t.deepEqual(after(10), [7, 5])
  t.deepEqual(after(14), [11, 1])
  t.deepEqual(after(15), [])
})

onLinux('advice on a range reaches the kernel, and dont-need makes pages the first to go', async (t) => {
  const path = cleanFile(t, 64)
  const seen = await survives(
    t,
    `${prelude}
    const stretches = () => fs.readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-)/m).filter((text) => text.includes(path))
    const flagged = (flag) => stretches().filter((text) => text.match(/VmFlags: (.*)/)[1].split(' ').includes(flag)).map((text) => Number(text.match(/Size: +(\\d+)/)[1]) * 1024 / pageSize())
    const referenced = () => stretches().reduce((sum, text) => sum + Number(text.match(/Referenced: +(\\d+)/)[1]), 0)
    const mapping = MemoryMappedFile.openRwSync(path)
    mapping.advise(10 * pageSize() + 1, 2 * pageSize(), 'random')
    mapping.advise(20 * pageSize(), 1, 'sequential')
    const flags = [flagged('rr'), flagged('sr')]
    mapping.touchPagesSync()
    const before = referenced()
    mapping.advise(0, mapping.length, 'dont-need')
    print([flags, before > 0, referenced() < before / 2])`,
    path,
  )
  // In view mode 'wasm' the file is mapped once more, for views.
  t.deepEqual(seen, [
    view === 'wasm'
      ? [
          [3, 3],
          [1, 1],
        ]
      : [[3], [1]],
    true,
    true,
  ])
})

/** Pages locked, and pages of the file copied, in a process, told by itself. */
const locks = `${prelude}
  const status = (name) => Number(fs.readFileSync('/proc/self/status', 'utf8').match(new RegExp(name + ':\\\\s+(\\\\d+)'))[1]) * 1024
  const locked = () => status('VmLck') / pageSize()
  const copied = () => fs.readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-)/m).filter((text) => text.includes(path)).reduce((sum, text) => sum + Number(text.match(/Anonymous: +(\\d+)/)[1]), 0)
  const page = pageSize()
  const base = locked()
  const now = () => locked() - base`

onLinux('locks are counted per page, survive a resize and end with close', async (t) => {
  const seen = await survives(
    t,
    `${locks}
    const mapping = MemoryMappedFile.openRwSync(path)
    const seen = []
    await mapping.lock(0, 4 * page)
    mapping.lockSync(2 * page + 1, 3 * page)
    seen.push(now())
    mapping.unlock(3 * page, page)
    seen.push(now())
    mapping.unlock(3 * page, page)
    mapping.unlock(50 * page)
    seen.push(now())
    await mapping.resize(2000 * page)
    seen.push(now())
    mapping.resizeSync(2 * page)
    seen.push(now())
    await mapping.lockAll()
    mapping.unlockAll()
    seen.push(now())
    mapping.unlockAll()
    seen.push(now())
    mapping.lockAllSync()
    mapping.close()
    seen.push(now())
    print(seen)`,
    cleanFile(t, 64),
  )
  t.deepEqual(seen, [6, 6, 5, 5, 2, 2, 0, 0])
})

onLinux('a lock on a read-only mapping locks the pages of the file and copies none', async (t) => {
  const seen = (await survives(
    t,
    `${locks}
    const mapping = MemoryMappedFile.openRoSync(path)
    await mapping.lock()
    const seen = [now(), copied()]
    fs.writeFileSync(path, Buffer.alloc(1, 'new'), { flag: 'r+' })
    seen.push(mapping.asSlice(0, 1).toString())
    mapping.unlock(0, 1000 * page)
    seen.push(now())
    mapping.close()
    seen.push(now())
    print(seen)`,
    cleanFile(t, 1024),
  )) as unknown[]
  t.deepEqual(seen, [1024, 0, 'n', 24, 0])
})

asRootOnLinux('a lock that a limit refuses is LockFailed with the code of the system, and locks nothing', async (t) => {
  const path = cleanFile(t, 64)
  const program = `import('#mmap-io').then(async ({ MemoryMappedFile, pageSize }) => {
    process.setgid(65534); process.setuid(65534)
    const { readFileSync } = await import('node:fs')
    const mapping = MemoryMappedFile.openRoSync(process.argv[1])
    const told = (error) => [error.kind, error.code, error.syscall, error.message.includes('RLIMIT_MEMLOCK')]
    const seen = [await mapping.lock(0, 32 * pageSize()).catch(told)]
    try { mapping.lockAllSync() } catch (error) { seen.push(told(error)) }
    seen.push(Number(readFileSync('/proc/self/status', 'utf8').match(/VmLck:\\s+(\\d+)/)[1]))
    mapping.unlockAll()
    console.log(JSON.stringify(seen))
  })`
  chmodSync(dirname(path), 0o755)
  chmodSync(path, 0o644)
  for (const [limit, code] of [
    [64, 'ENOMEM'],
    [0, 'EPERM'],
  ] as const) {
    const command = `ulimit -l ${limit}; exec "$0" --eval "$1" -- "$2"`
    const stdout = execFileSync('bash', ['-c', command, process.execPath, program, path], { encoding: 'utf8' })
    const told = ['LockFailed', code, 'mlock', true]
    t.deepEqual(JSON.parse(stdout), [told, told, 0], `limit ${limit}`)
  }
})

onLinux('a lock of pages that the file has lost fails and leaves nothing locked', async (t) => {
  const path = cleanFile(t, 64)
  const seen = await survives(
    t,
    `${locks}
    const mapping = MemoryMappedFile.openRwSync(path)
    mapping.lockSync(0, page)
    fs.truncateSync(path, 8 * page)
    const error = await mapping.lock().catch((error) => error)
    print([error.kind, error.code, now()])`,
    path,
  )
  t.deepEqual(seen, ['LockFailed', 'ENOMEM', 1])
})

test('scheduleFlush counts nothing as flushed', (t) => {
  const path = tempFile(t, pattern(10_000))
  const mapping = MemoryMappedFile.openRwSync(path)
  mapping.updateRegion(5000, 'stored')
  mapping.scheduleFlush()
  mapping.scheduleFlush(5000, 6)
  t.is(mapping.pendingBytes, 6)
  mapping.flushSync()
  t.is(mapping.pendingBytes, 0)
  mapping.close()
})
