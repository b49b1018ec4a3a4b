/** The 'fault' event, check, heal and faultWord. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  closeSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import test, { type ExecutionContext } from 'ava'
import { type FaultEvent, MemoryMappedFile, type MmapIoError } from '#mmap-io'
import { prelude, survives } from '../support/child.ts'
import { asRootOnLinux, onUnix, withLiveViewsOnUnix } from '../support/conditions.ts'
import { tempFile, tempFolder } from '../support/files.ts'
import { isLive } from '../support/view.ts'

const SIZE = 100_000
const sevens = (t: ExecutionContext) => tempFile(t, Buffer.alloc(SIZE, 7))

/** Listening keeps neither the process alive nor a mapping that nothing else refers to. */
async function nextFault(mapping: MemoryMappedFile): Promise<FaultEvent> {
  const keep = setInterval(() => mapping.length, 1000)
  const [event] = await once(mapping, 'fault')
  clearInterval(keep)
  return event
}

withLiveViewsOnUnix("a cut is told by 'fault', once for each mapping that is listened to", async (t) => {
  const path = sevens(t)
  const [one, two, deaf] = [MemoryMappedFile.openRoSync(path), MemoryMappedFile.openRwSync(path), MemoryMappedFile.openRoSync(path)]
  const events: unknown[] = []
  one.on('fault', (event) => events.push(event))
  const told = Promise.all([nextFault(one), nextFault(two)])
  truncateSync(path, 10_000)
  for (const mapping of [one, two, deaf]) t.is(mapping.asSlice()[50_000], 0)
  const event = { kind: 'Truncated', offset: 10_000, length: SIZE - 10_000 }
  t.deepEqual(await told, [event, event] as FaultEvent[])
  t.deepEqual(events, [event])
  // Deeper, and it is news again.
  const again = nextFault(one)
  truncateSync(path, 0)
  t.is(one.asSlice(0, 10)[0], 0)
  t.deepEqual(await again, { kind: 'Truncated', offset: 0, length: 10_000 })
})

withLiveViewsOnUnix('stores into lost pages are told as lost writes', async (t) => {
  const path = sevens(t)
  const mapping = MemoryMappedFile.openRwSync(path)
  const events: FaultEvent[] = []
  mapping.on('fault', (event) => events.push(event))
  const told = nextFault(mapping)
  const view = mapping.asSlice()
  truncateSync(path, 0)
  view.fill(1, 50_000, 50_010)
  await told
  // What is told of one fault is told in one go.
  await new Promise((resolve) => setImmediate(resolve))
  t.deepEqual(events.map(({ kind }) => kind).sort(), ['LostWrites', 'Truncated'])
})

withLiveViewsOnUnix('a worker is told of what its own mappings lost', async (t) => {
  const path = sevens(t)
  const body = `
    const { parentPort, workerData: { path, url } } = require('node:worker_threads')
    import(url).then(({ MemoryMappedFile }) => {
      const mapping = MemoryMappedFile.openRoSync(path)
      mapping.on('fault', (event) => { parentPort.postMessage(event); parentPort.close() })
      const view = mapping.asSlice()
      parentPort.on('message', () => view[50_000])
      parentPort.postMessage('ready')
    })`
  const worker = new Worker(body, { eval: true, workerData: { path, url: import.meta.resolve('#mmap-io') } })
  await once(worker, 'message')
  truncateSync(path, 0)
  const told = once(worker, 'message')
  worker.postMessage('read')
  t.deepEqual(await told, [{ kind: 'Truncated', offset: 0, length: SIZE }])
  await worker.terminate()
})

withLiveViewsOnUnix('a listener does not keep the process alive, and what it throws is an uncaught exception', async (t) => {
  const program = `${prelude}
    fs.writeFileSync(path, Buffer.alloc(100_000))
    const [quiet, loud] = [MemoryMappedFile.openRoSync(path), MemoryMappedFile.openRoSync(path)]
    quiet.on('fault', () => {})
    const views = [quiet.asSlice(), loud.asSlice()]
    loud.on('fault', () => { throw new Error('from a listener') })
    const told = new Promise((resolve) => process.on('uncaughtException', (error) => resolve(error.message)))
    const keep = setInterval(() => {}, 1000)
    fs.truncateSync(path, 0)
    views.map((view) => view[99_999])
    const message = await told
    clearInterval(keep)
    print(message)`
  t.is(await survives(t, program, tempFile(t)), 'from a listener')
})

withLiveViewsOnUnix('what was lost fails until heal, and the rest goes on', async (t) => {
  const path = sevens(t)
  const mapping = MemoryMappedFile.openRwSync(path)
  const word = mapping.faultWord
  t.is(mapping.faultWord, word)
  t.deepEqual([...word], [0])
  mapping.check()
  const view = mapping.asSlice()
  truncateSync(path, 10_000)
  const cut = [[10_000, SIZE - 10_000]]
  t.like(
    t.throws(() => mapping.check()),
    { kind: 'Truncated', code: 'ERR_MMAP_TRUNCATED', ranges: cut },
    'no page was met yet',
  )
  t.deepEqual([view[9_999], view[20_000], ...word], [7, 0, 1])
  t.deepEqual(mapping.readBytes(0, 10_000), Buffer.alloc(10_000, 7))
  const target = Buffer.alloc(10, 9)
  t.throws(() => mapping.readInto(9_995, target), { message: /bytes 10000\.\.10005/ })
  t.deepEqual(target, Buffer.alloc(10, 9), 'untouched')
  t.throws(() => mapping.updateRegion(20_000, 'no'))
  t.is(view[20_000], 0, 'nothing was stored')
  await t.throwsAsync(() => mapping.flush(), { message: /cut/ })
  mapping.flushRangeSync(0, 10_000)
  await t.throwsAsync(() => mapping.heal(), { message: /cut/ })
  writeFileSync(path, Buffer.alloc(SIZE, 8))
  await mapping.heal()
  t.deepEqual([view[20_000], ...word], [8, 0])
  mapping.check()
  await mapping.flush()
  mapping.close()
  t.is(word.length, 0)
  t.throws(() => mapping.faultWord, { message: /closed/ })
  await t.throwsAsync(() => mapping.heal(), { message: /closed/ })
})

withLiveViewsOnUnix('walks fail when they reach lost bytes, and not before', async (t) => {
  const text = 'line of some text\n'.repeat(8_000)
  const path = tempFile(t, text)
  const mapping = MemoryMappedFile.openRoSync(path)
  const view = mapping.asSlice()
  const left = 18 * 1_000
  truncateSync(path, left)
  t.is(view.at(-1), 0)
  const walk = (pieces: Iterable<unknown>) => {
    let count = 0
    const error = t.throws<MmapIoError>(() => {
      for (const _ of pieces) count++
    })
    t.is(error?.kind, 'Truncated')
    return count
  }
  t.is(walk(mapping.lines()), 1_000)
  t.is(walk(mapping.lines({ encoding: 'buffer' })), 1_000)
  t.is(walk(mapping.findAll('text')), 1_000)
  t.is(walk(mapping.chunks(1_000)), 18)
  t.is(walk(mapping.pages()), 4)
  const parts: Buffer[] = []
  const error = await t.throwsAsync<MmapIoError>(async () => {
    for await (const part of mapping.createReadStream({ highWaterMark: 1_000 })) parts.push(part)
  })
  t.is(error?.kind, 'Truncated')
  t.is(Buffer.concat(parts).toString(), text.slice(0, left))
  await t.throwsAsync(async () => mapping.response().text(), { message: /cut/ }, 'a body never ends early')
  t.is(await mapping.response({ headers: new Headers({ range: 'bytes=0-99' }) }).text(), text.slice(0, 100))
})

withLiveViewsOnUnix('a piece that is lost in the hands of its consumer fails the next step', (t) => {
  for (const lost of [0, 3]) {
    const path = sevens(t)
    const mapping = MemoryMappedFile.openRoSync(path)
    let count = 0
    const error = t.throws<MmapIoError>(() => {
      for (const chunk of mapping.chunks(SIZE / 4)) {
        if (count++ === lost) {
          truncateSync(path, 0)
          t.is(chunk[20_000], 0)
        }
      }
    })
    t.deepEqual([error?.kind, count], ['Truncated', lost + 1])
  }
})

withLiveViewsOnUnix('resize accepts a cut', async (t) => {
  const path = sevens(t)
  const mapping = MemoryMappedFile.openRwSync(path)
  const view = mapping.asSlice()
  truncateSync(path, 10_000)
  t.is(view[20_000], 0)
  await t.throwsAsync(() => mapping.resize(2 * SIZE), { message: /cut/ })
  t.is(mapping.length, SIZE)
  await mapping.resize(10_000)
  mapping.check()
  await mapping.resize(SIZE)
  mapping.updateRegion(20_000, 'new')
  t.is(mapping.asSlice(20_000, 3).toString(), 'new')
  await mapping.flush()
})

onUnix('a read-only mapping tells that its file has changed, until heal', async (t) => {
  const path = sevens(t)
  const open = () => MemoryMappedFile.openRoSync(path)
  const changed = async (mapping: MemoryMappedFile, message: RegExp) => {
    t.like(
      t.throws(() => mapping.check()),
      { kind: 'Changed', code: 'ERR_MMAP_CHANGED' },
    )
    t.throws(() => mapping.check(), { message })
    await mapping.heal()
    mapping.check()
  }
  const mapping = open()
  mapping.check()
  appendFileSync(path, 'more')
  await changed(mapping, /length/)
  utimesSync(path, 1, 1)
  await changed(mapping, /modified/)
  truncateSync(path, 0)
  truncateSync(path, SIZE)
  const wholly = open()
  t.throws(() => mapping.check(), { message: /length|modified/ })
  writeFileSync(`${path}.new`, 'new')
  renameSync(`${path}.new`, path)
  t.throws(() => wholly.check(), { message: /another file/ })
  unlinkSync(path)
  t.throws(() => wholly.check(), { message: /no file/ })
  MemoryMappedFile.anonymous(5).check()
  await MemoryMappedFile.anonymous(5).heal()
})

onUnix('what others do to the file of a writable mapping is no change', (t) => {
  const path = sevens(t)
  const [shared, own] = [MemoryMappedFile.openRwSync(path), MemoryMappedFile.openCowSync(path)]
  utimesSync(path, 1, 1)
  appendFileSync(path, 'more')
  renameSync(path, `${path}.old`)
  t.notThrows(() => shared.check())
  t.notThrows(() => own.check())
})

test('a file that was cut where nothing is guarded is found by check and flush', async (t) => {
  if (process.platform === 'win32') return t.pass('a mapped file cannot be cut there')
  const path = sevens(t)
  const mapping = MemoryMappedFile.openRwSync(path, { guard: false })
  truncateSync(path, 99_000)
  t.like(
    t.throws(() => mapping.check()),
    { kind: 'Truncated', ranges: [[99_000, 1_000]] },
  )
  t.like(await t.throwsAsync(() => mapping.flush()), { kind: 'Truncated' })
})

const asRootLive = isLive ? asRootOnLinux : test.skip

asRootLive('on a full disk stores are kept, told, and written once there is room', async (t) => {
  const folder = tempFolder(t)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder])
  t.teardown(() => execFileSync('umount', ['--lazy', folder]))
  const [path, filler] = [join(folder, 'file'), join(folder, 'filler')]
  closeSync(openSync(path, 'w'))
  truncateSync(path, 16 << 20)
  writeFileSync(filler, Buffer.alloc(2 << 20))
  const mapping = MemoryMappedFile.openRwSync(path, { sparse: true })
  const told = nextFault(mapping)
  const numbers = mapping.typedArray(Uint32Array)
  const pages = 3 << 8
  for (let page = 0; page < pages; page++) numbers[page << 10] = page + 1
  const kept = () => Array.from({ length: pages }, (_, page) => numbers[page << 10]).every((number, page) => number === page + 1)
  t.true(kept())
  t.is((await told).kind, 'IoFault')
  t.is(mapping.faultWord[0], 2)
  t.like(
    t.throws(() => mapping.flushSync()),
    { kind: 'LostWrites', code: 'ERR_MMAP_LOST_WRITES' },
  )
  t.like(await t.throwsAsync(() => mapping.heal()), { kind: 'LostWrites', code: 'ENOSPC', syscall: 'pwrite', path })
  mapping.advise(0, mapping.length, 'dont-need')
  await mapping.evict()
  t.true(kept())
  rmSync(filler)
  await mapping.heal()
  mapping.check()
  await mapping.flush()
  t.true(kept())
  const reader = MemoryMappedFile.openRoSync(path).typedArray(Uint32Array)
  t.true(Array.from({ length: pages }, (_, page) => reader[page << 10]).every((number, page) => number === page + 1))
  t.is(statSync(path).size, 16 << 20)
  mapping.close()
})

asRootLive('lost pages that are scattered everywhere do not use up the mappings of the process', async (t) => {
  const folder = tempFolder(t)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
  t.teardown(() => execFileSync('umount', ['--lazy', folder]))
  const program = `${prelude}
    fs.closeSync(fs.openSync(path, 'w'))
    fs.truncateSync(path, 600 << 20)
    try { fs.writeFileSync(path + '.rest', Buffer.alloc(2 << 20)) } catch {}
    const view = MemoryMappedFile.openRwSync(path, { sparse: true }).asSlice()
    for (let at = 0; at < view.length; at += 8192) view[at] = 9
    let kept = 0
    for (let at = 0; at < view.length; at += 8192) kept += view[at] === 9
    print([kept, maps() < 10_000])`
  t.deepEqual(await survives(t, program, join(folder, 'file')), [76_800, true])
})
