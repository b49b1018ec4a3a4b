/** The watcher as an object: listeners, loops, signals, errors, its end. */
import { getEventListeners, once } from 'node:events'
import { appendFileSync, chmodSync, renameSync, writeFileSync } from 'node:fs'
import test from 'ava'
import { type ChangeEvent, MemoryMappedFile } from '#mmap-io'
import { Changes, modified, removed, replaced } from './support/changes.ts'
import { prelude, run, survives } from './support/child.ts'
import { onLinux, onUnix } from './support/conditions.ts'
import { pattern, tempFile } from './support/files.ts'
import { runLimited, withOwnLimits } from './support/limits.ts'
import { workerOf, workers } from './support/worker.ts'

/** Two changes of different kinds, told in this order on every system that tells them apart. */
function change(path: string, round = 0): void {
  appendFileSync(path, 'x')
  chmodSync(path, round % 2 === 0 ? 0o600 : 0o644)
}

test('a watcher is an event emitter, and its listener one for changes', async (t) => {
  const path = tempFile(t, 'content')
  const mapping = MemoryMappedFile.openRoSync(path)
  const told: ChangeEvent[] = []
  const watcher = mapping.watch((event) => told.push(event))
  t.true(watcher.isActive)
  t.is(watcher.listenerCount('change'), 1)
  const [event] = await Promise.all([once(watcher, 'change'), appendFileSync(path, 'x')])
  t.deepEqual(event, [modified])
  t.deepEqual(told, [modified])
  const closed = once(watcher, 'close')
  watcher.close()
  watcher.close()
  t.false(watcher.isActive)
  await closed
  mapping.close()
})

test('no listener for changes runs after close, that of a listener included', async (t) => {
  const path = tempFile(t, 'content')
  const mapping = MemoryMappedFile.openRoSync(path)
  let told = 0
  const watcher = mapping.watch(() => {
    told++
    watcher.close()
  })
  const other = new Changes(t, mapping.watch())
  change(path)
  await other.until(() => other.told.length >= 2 || process.platform !== 'linux')
  t.is(told, 1)
  const third = mapping.watch(() => t.fail())
  appendFileSync(path, 'x')
  third.close()
  other.told.length = 0
  chmodSync(path, 0o644)
  appendFileSync(path, 'x')
  await other.until(() => other.told.length >= 1)
  t.is(told, 1)
  mapping.close()
})

test('closing a mapping closes its watchers, and a disposed watcher is closed', async (t) => {
  const path = tempFile(t, 'content')
  const mapping = MemoryMappedFile.openRoSync(path)
  const watchers = [mapping.watch(), mapping.watch(() => t.fail())]
  const closed = watchers.map((watcher) => once(watcher, 'close'))
  {
    using disposed = mapping.watch()
    watchers.push(disposed)
  }
  t.deepEqual(
    watchers.map(({ isActive }) => isActive),
    [true, true, false],
  )
  appendFileSync(path, 'x')
  mapping.close()
  t.false(watchers.some(({ isActive }) => isActive))
  await Promise.all(closed)
  t.throws(() => mapping.watch(), { code: 'ERR_MMAP_CLOSED' })
})

onUnix('a loop gets every change in order and ends with the watcher', async (t) => {
  const path = tempFile(t, 'content')
  const mapping = MemoryMappedFile.openRoSync(path)
  const watcher = mapping.watch()
  const told: ChangeEvent[] = []
  const loop = (async () => {
    for await (const event of watcher) {
      told.push(event)
      if (event.kind === 'modified' && !event.replaced) {
        writeFileSync(`${path}.new`, 'x')
        renameSync(`${path}.new`, path)
      } else if (event.replaced) renameSync(path, `${path}.away`)
    }
  })()
  appendFileSync(path, 'x')
  await loop
  t.deepEqual(told, [modified, replaced, removed])
  t.false(watcher.isActive)
  for await (const event of watcher) t.fail(event.kind)
  mapping.close()
})

test('loops begin when they begin, are told apart, and leaving one leaves the watcher open', async (t) => {
  const path = tempFile(t, 'content')
  const mapping = MemoryMappedFile.openRoSync(path)
  const watcher = mapping.watch()
  const loops = [watcher[Symbol.asyncIterator](), watcher[Symbol.asyncIterator]()]
  appendFileSync(path, 'x')
  t.deepEqual(await Promise.all(loops.map((loop) => loop.next())), [
    { value: modified, done: false },
    { value: modified, done: false },
  ])
  t.deepEqual(await loops[0]?.return?.(), { value: undefined, done: true })
  t.deepEqual(await loops[0]?.next(), { value: undefined, done: true })
  t.true(watcher.isActive)
  const next = loops[1]?.next()
  watcher.close()
  t.deepEqual(await next, { value: undefined, done: true })
  mapping.close()
})

test('a signal closes the watcher and its reason reaches the loop', async (t) => {
  const path = tempFile(t, 'content')
  const mapping = MemoryMappedFile.openRoSync(path)
  const controller = new AbortController()
  const watcher = mapping.watch(() => t.fail(), { signal: controller.signal })
  const loops = [watcher[Symbol.asyncIterator](), watcher[Symbol.asyncIterator]()]
  const next = loops[0]?.next()
  const reason = new Error('enough')
  const closed = once(watcher, 'close')
  controller.abort(reason)
  t.false(watcher.isActive)
  await closed
  t.is(await t.throwsAsync(async () => next), reason)
  t.is(await t.throwsAsync(async () => loops[1]?.next()), reason)
  t.deepEqual(await loops[1]?.next(), { value: undefined, done: true })
  appendFileSync(path, 'x')

  t.is(
    t.throws(() => mapping.watch(undefined, { signal: controller.signal })),
    reason,
  )
  // Signals were once made without throwIfAborted.
  const { signal } = new AbortController()
  Object.defineProperty(signal, 'throwIfAborted', { value: undefined })
  mapping.watch(undefined, { signal }).close()

  // A watcher that has closed hears nothing of its signal any more.
  const later = new AbortController()
  const closing = mapping.watch(undefined, { signal: later.signal })
  t.is(getEventListeners(later.signal, 'abort').length, 1)
  closing.close()
  t.is(getEventListeners(later.signal, 'abort').length, 0)
  later.abort()
  mapping.close()
  t.throws(() => mapping.watch(undefined, { signal: later.signal }), { code: 'ERR_MMAP_CLOSED' })
})

test('a change is told when debounceMs have passed', async (t) => {
  const path = tempFile(t, 'content')
  const mapping = MemoryMappedFile.openRoSync(path)
  const changes = new Changes(t, mapping.watch(undefined, { debounceMs: 1 }))
  appendFileSync(path, 'x')
  await changes.are(modified)
  mapping.close()
})

onLinux('changes that wait for more of their kind are told before the watcher closes by itself', async (t) => {
  const path = tempFile(t, 'content')
  const mapping = MemoryMappedFile.openRoSync(path)
  const changes = new Changes(t, mapping.watch(undefined, { debounceMs: 100_000 }))
  appendFileSync(path, 'x')
  renameSync(path, `${path}.away`)
  await changes.areLast(modified, removed)
  mapping.close()
})

test('a process ends when its watchers are closed, when they are not persistent and when they are let go', async (t) => {
  const path = tempFile(t, 'content')
  for (const code of [
    'mapping.watch().close()',
    'mapping.watch(); mapping.close()',
    'mapping.watch(undefined, { persistent: false })',
    'mapping.watch().unref()',
    'mapping.watch(undefined, { persistent: false }).ref().unref()',
    'mapping.watch(undefined, { persistent: false, debounceMs: 100_000 }); fs.appendFileSync(path, "x")',
    'mapping.watch(undefined, { pollMs: 1 }).close()',
    'mapping.watch(undefined, { signal: AbortSignal.timeout(1) })',
    'fs.renameSync(path, path + ".away"); fs.renameSync(path + ".away", path); mapping.watch().close()',
  ]) {
    const { code: ended, signal, stderr } = await run(`${prelude} const mapping = MemoryMappedFile.openRoSync(path)\n${code}`, [path])
    t.deepEqual([ended, signal], [0, null], `${code} ${stderr}`)
  }
})

test('a watcher keeps the process alive, as long as it should', async (t) => {
  const path = tempFile(t, 'content')
  for (const code of ['mapping.watch(heard)', 'mapping.watch(heard, { persistent: false }).ref()']) {
    const source = `${prelude}
      const mapping = MemoryMappedFile.openRoSync(path)
      const heard = () => { print('heard'); mapping.close() }
      ${code}
      // Written when nothing but the watcher is left.
      fs.appendFile(path, 'x', () => {})`
    t.is(await survives(t, source, path), 'heard')
  }
})

onUnix('a listener that throws ends the process as any does, and where that is caught the rest is told', async (t) => {
  const path = tempFile(t, 'content')
  const source = `${prelude}
    const errors = []
    process.on('uncaughtException', (error) => errors.push(error.message))
    const mapping = MemoryMappedFile.openRoSync(path)
    const watcher = mapping.watch((event) => {
      if (event.replaced) { print(errors); return mapping.close() }
      throw new Error('of the listener')
    })
    fs.appendFileSync(path, 'x')
    fs.writeFileSync(path + '.new', 'x')
    fs.renameSync(path + '.new', path)`
  t.deepEqual(await survives(t, source, path), ['of the listener'])
})

test('a watcher that was closed is kept by nobody', async (t) => {
  const program = `${prelude}
    const mapping = MemoryMappedFile.openRoSync(path)
    const closed = ['close', 'abort'].map((way) => {
      const controller = new AbortController()
      const watcher = mapping.watch(() => {}, { signal: controller.signal })
      watcher[Symbol.asyncIterator]()
      if (way === 'close') watcher.close()
      else controller.abort()
      return new WeakRef(watcher)
    })
    await collect()
    print(closed.map((watcher) => watcher.deref() === undefined))
    mapping.close()`
  t.deepEqual(await survives(t, program, tempFile(t, 'content')), [true, true])
})

test('a watcher works in a worker, and one that is open when the worker ends harms nobody', async (t) => {
  const path = tempFile(t, 'content')
  const program = `${prelude}${workers}
    const mapping = MemoryMappedFile.openRoSync(path)
    const kinds = []
    for (let round = 0; round < 3; round++) {
      const worker = ${workerOf(
        'path',
        `const mapping = MemoryMappedFile.openRoSync(workerData)
         mapping.watch((event) => post(event.kind), { pollMs: 1 })
         post('ready')`,
      )}
      await answer(worker)
      fs.appendFileSync(path, 'x')
      kinds.push(await answer(worker))
      fs.appendFileSync(path, 'x')
      await worker.terminate()
    }
    const watcher = mapping.watch((event) => { print([...kinds, event.kind]); mapping.close() })
    fs.appendFileSync(path, 'x')`
  t.deepEqual(await survives(t, program, path), ['modified', 'modified', 'modified', 'modified'])
})

test('process.exit with open watchers and changes on their way', async (t) => {
  const path = tempFile(t, pattern(10_000))
  const source = `${prelude}
    const mapping = MemoryMappedFile.openRoSync(path)
    for (let i = 0; i < 100; i++) mapping.watch(() => {}, { pollMs: 1 })
    for (let i = 0; i < 100; i++) fs.appendFileSync(path, 'x')
    print('end')
    process.exit()`
  t.is(await survives(t, source, path), 'end')
})

withOwnLimits('where the system has no watches left, the setting to raise is named', async (t) => {
  const path = tempFile(t, 'content')
  const source = `${prelude}
    const mapping = MemoryMappedFile.openRoSync(path)
    try { mapping.watch() } catch ({ kind, code, syscall, message }) { print({ kind, code, syscall, message }) }`
  const watches = JSON.parse((await runLimited({ max_inotify_watches: 0 }, source, path)).stdout)
  t.like(watches, { kind: 'WatchFailed', code: 'ENOSPC', syscall: 'inotify_add_watch' })
  t.regex(watches.message, /raise the sysctl fs\.inotify\.max_user_watches/)
  const instances = JSON.parse((await runLimited({ max_inotify_instances: 0 }, source, path)).stdout)
  t.like(instances, { kind: 'WatchFailed', code: 'EMFILE', syscall: 'inotify_init' })
  t.regex(instances.message, /raise the sysctl fs\.inotify\.max_user_instances/)
})

withOwnLimits('an error of a running watch reaches the loop, else the listener, else ends the process', async (t) => {
  const path = tempFile(t, 'content')
  // A link that comes to lead through a folder more than may be watched.
  const begin = `${prelude}
    import { dirname, join } from 'node:path'
    const folder = dirname(path)
    fs.rmSync(join(folder, 'far'), { recursive: true, force: true })
    fs.mkdirSync(join(folder, 'far'))
    fs.writeFileSync(join(folder, 'far', 'file.bin'), 'far')
    fs.rmSync(join(folder, 'link'), { force: true })
    fs.symlinkSync('file.bin', join(folder, 'link'))
    const mapping = MemoryMappedFile.openRoSync(join(folder, 'link'))
    const watcher = mapping.watch()
    watcher.on('close', () => print('closed'))
    fs.symlinkSync('far/file.bin', join(folder, 'next'))
    fs.renameSync(join(folder, 'next'), join(folder, 'link'))`
  const limits = { max_inotify_watches: 1 }
  const loop = await runLimited(
    limits,
    `${begin}\ntry { for await (const event of watcher) print(event) } catch (error) { print(error.kind) }`,
    path,
  )
  t.deepEqual([loop.stdout, loop.code], ['"closed"\n"WatchFailed"\n', 0], loop.stderr)
  const listener = await runLimited(limits, `${begin}\nwatcher.on('error', (error) => print(error.code))`, path)
  t.deepEqual([listener.stdout, listener.code], ['"ENOSPC"\n"closed"\n', 0], listener.stderr)
  const nobody = await runLimited(limits, begin, path)
  t.is(nobody.code, 1)
  t.regex(nobody.stderr, /MmapIoError: ENOSPC.*raise the sysctl/)
})
