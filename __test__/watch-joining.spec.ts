/** Changes that wait: what is joined, what is never lost, and what becomes of them at the end. */
import { once } from 'node:events'
import { appendFileSync, chmodSync, renameSync, writeFileSync } from 'node:fs'
import type { ExecutionContext } from 'ava'
import { type ChangeEvent, MemoryMappedFile, pageSize, type Watcher } from '#mmap-io'
import { metadata, modified, removed, replaced } from './support/changes.ts'
import { prelude, survives } from './support/child.ts'
import { onLinux } from './support/conditions.ts'
import { pattern, tempFile } from './support/files.ts'

/** Timers that fire when the program says so, and a promise of the next one that is set: that of a change which was received. */
const heldTimers = `${prelude}
  const timers = new Set()
  let isSet = () => {}
  globalThis.setTimeout = (call, delay) => {
    const timer = { call, delay, held: true, ref: () => { timer.held = true }, unref: () => { timer.held = false } }
    timers.add(timer)
    isSet()
    return timer
  }
  globalThis.clearTimeout = (timer) => timers.delete(timer)
  const received = (act) => new Promise((resolve) => { isSet = resolve; act() })
  const fire = () => { for (const timer of [...timers]) { timers.delete(timer); timer.call() } }
  const append = () => received(() => fs.appendFileSync(path, 'x'))
  const chmod = () => received(() => fs.chmodSync(path, fs.statSync(path).mode ^ 0o20))
  const replace = () => received(() => { fs.writeFileSync(path + '.new', 'x'); fs.renameSync(path + '.new', path) })
  const mapping = MemoryMappedFile.openRwSync(path)
  const told = []`

onLinux('debounceMs tells changes of one kind as one, in the order of their last, when none has come for so long', async (t) => {
  const program = `${heldTimers}
    const watcher = mapping.watch((event) => told.push(event), { debounceMs: 500 })
    await chmod()
    await replace()
    await append()
    await chmod()
    const before = told.length
    const delays = [...timers].map(({ delay }) => delay)
    fire()
    await append()
    watcher.close()
    print({ before, delays, told, left: timers.size })
    fire()`
  const seen = await survives(t, program, tempFile(t, 'content'))
  t.deepEqual(seen, { before: 0, delays: [500, 500], told: [replaced, metadata], left: 0 })
})

onLinux('debounceMs joins ranges to one over all, and to none with a change that has none', async (t) => {
  const program = `${heldTimers}
    mapping.watch((event) => told.push(event), { debounceMs: 500, pollMs: 1 })
    const store = (page) => received(() => mapping.updateRegion(page * pageSize(), 'x'))
    await store(5)
    await store(2)
    await store(3)
    fire()
    await store(7)
    await append()
    fire()
    mapping.close()
    print(told)`
  t.deepEqual(await survives(t, program, tempFile(t, Buffer.alloc(10 * pageSize()))), [
    { kind: 'modified', offset: 2 * pageSize(), length: 4 * pageSize() },
    modified,
  ])
})

onLinux('a change that waits keeps the process alive when its watcher does', async (t) => {
  const program = `${heldTimers}
    const alive = setInterval(() => {}, 60_000)
    const seen = []
    const look = () => seen.push(...[...timers].map(({ held }) => held))
    for (const persistent of [true, false]) {
      const watcher = mapping.watch(undefined, { debounceMs: 500, persistent })
      await append()
      look()
      watcher.ref()
      look()
      watcher.unref()
      look()
      await append()
      look()
      watcher.close()
    }
    clearInterval(alive)
    print(seen)`
  // As it began, after ref(), after unref(), and once more.
  t.deepEqual(await survives(t, program, tempFile(t, 'content')), [true, true, false, false, false, true, false, false])
})

/** Makes changes, each heard before the next is made: nothing is joined before it reaches the loops. */
async function heard(watcher: Watcher, ...changes: (() => void)[]): Promise<void> {
  for (const change of changes) {
    const event = once(watcher, 'change')
    change()
    await event
  }
}

function watched(t: ExecutionContext, content: string | Buffer) {
  const path = tempFile(t, content)
  const mapping = MemoryMappedFile.openRwSync(path)
  t.teardown(() => mapping.close())
  const append = () => appendFileSync(path, 'x')
  let mode = 0o600
  const chmod = () => {
    mode ^= 0o20
    chmodSync(path, mode)
  }
  const replace = () => {
    writeFileSync(`${path}.new`, 'x')
    renameSync(`${path}.new`, path)
  }
  const away = () => renameSync(path, `${path}.away`)
  const back = () => renameSync(`${path}.away`, path)
  return { mapping, append, chmod, replace, away, back }
}

async function all(loop: AsyncIterator<ChangeEvent, undefined>): Promise<ChangeEvent[]> {
  const told: ChangeEvent[] = []
  for (let next = await loop.next(); !next.done; next = await loop.next()) told.push(next.value)
  return told
}

onLinux('a loop that is slow gets changes of one kind in a row as one, and no others', async (t) => {
  const { mapping, append, chmod, replace, away } = watched(t, 'content')
  const watcher = mapping.watch()
  const loop = watcher[Symbol.asyncIterator]()
  await heard(watcher, append, append, append, chmod, chmod, append, replace, replace, append, away)
  t.deepEqual(await all(loop), [modified, metadata, modified, replaced, modified, removed])
})

onLinux('a loop that takes nothing keeps few changes, and does not hide that there was a new file', async (t) => {
  const { mapping, append, chmod, replace, away } = watched(t, 'content')
  const watcher = mapping.watch()
  const loop = watcher[Symbol.asyncIterator]()
  const others = Array.from({ length: 60 }, () => [append, chmod]).flat()
  await heard(watcher, append, chmod, replace, ...others, away)
  const told = await all(loop)
  t.true(told.length <= 66, String(told.length))
  t.deepEqual([told[0], told.at(-1)], [replaced, removed])
})

onLinux('a loop that takes nothing is told that the file is gone, whichever change was one too many', async (t) => {
  const { mapping, away, back } = watched(t, 'content')
  const watcher = mapping.watch()
  const loops: AsyncIterator<ChangeEvent, undefined>[] = []
  for (let round = 0; round < 40; round++) {
    for (const change of [away, back]) {
      loops.push(watcher[Symbol.asyncIterator]())
      await heard(watcher, change)
    }
  }
  await heard(watcher, away)
  const lengths: number[] = []
  for (const loop of loops) {
    const told = await all(loop)
    lengths.push(told.length)
    t.deepEqual(told.at(-1), removed)
    if (told.length > 1) t.deepEqual(told.at(-2), replaced)
  }
  t.true(Math.max(...lengths) <= 65, lengths.join())
})

onLinux('a loop gets every range, joined to none', async (t) => {
  const { mapping } = watched(t, pattern(10 * pageSize()))
  const watcher = mapping.watch(undefined, { pollMs: 1 })
  const loop = watcher[Symbol.asyncIterator]()
  const pages = [5, 2, 7]
  await heard(watcher, ...pages.map((page) => () => mapping.updateRegion(page * pageSize(), Buffer.of(1, 2, 3))))
  for (const page of pages) {
    t.deepEqual((await loop.next()).value, { kind: 'modified', offset: page * pageSize(), length: pageSize() })
  }
})

onLinux('a signal leaves a loop what waits for it, close and leaving it do not', async (t) => {
  const { mapping, append } = watched(t, 'content')
  const controller = new AbortController()
  const watcher = mapping.watch(undefined, { signal: controller.signal })
  const [aborted, left] = [watcher[Symbol.asyncIterator](), watcher[Symbol.asyncIterator]()]
  await heard(watcher, append)
  await left.return?.()
  t.true((await left.next()).done)
  const reason = new Error('enough')
  controller.abort(reason)
  t.deepEqual((await aborted.next()).value, modified)
  t.is(await t.throwsAsync(async () => aborted.next()), reason)
  t.true((await aborted.next()).done)

  const other = mapping.watch()
  const closed = other[Symbol.asyncIterator]()
  await heard(other, append)
  other.close()
  t.true((await closed.next()).done)
})

onLinux('a thread that was busy is told of ten thousand changes as of a few, the last among them', async (t) => {
  const program = `${prelude}
    const mapping = MemoryMappedFile.openRoSync(path)
    let told = 0
    mapping.watch((event) => {
      told++
      if (event.replaced) { print(told); mapping.close() }
    })
    for (let round = 0; round < 5000; round++) {
      fs.appendFileSync(path, 'x')
      fs.chmodSync(path, round % 2 === 0 ? 0o600 : 0o640)
    }
    fs.writeFileSync(path + '.new', 'x')
    fs.renameSync(path + '.new', path)`
  const told = (await survives(t, program, tempFile(t, 'content'))) as number
  t.true(told < 1000, String(told))
})
