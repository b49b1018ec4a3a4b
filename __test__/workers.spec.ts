/** One mapping in several threads. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { capabilities, MemoryMappedFile, MmapIoError, pageSize } from '#mmap-io'
import { prelude, run, survives } from './support/child.ts'
import { onLinux } from './support/conditions.ts'
import { pattern, tempFile } from './support/files.ts'
import { outcome } from './support/outcome.ts'
import { isLive, view } from './support/view.ts'
import { workerOf, workers } from './support/worker.ts'

const page = pageSize()

test('a worker attaches to a mapping and both see what the other stores, by views and by calls', async (t) => {
  const path = tempFile(t, Buffer.alloc(100))
  const program = `${prelude}${workers}
    const mapping = MemoryMappedFile.openRwSync(path, { flushPolicy: { everyBytes: 1000 } })
    const worker = ${workerOf(
      'mapping.share()',
      `const same = MemoryMappedFile.attach(workerData)
       post([same.length, same.mode, same.path, same.flushPolicy, same.viewMode === capabilities.defaultView])
       same.updateRegion(10, Buffer.from('worker'))
       post(same.pendingBytes)
       await next()
       post(same.asSlice(20, 4).toString())
       same.close()
       post(await next())`,
    )}
    const seen = [await answer(worker), await answer(worker)]
    seen.push(mapping.asSlice(10, 6).toString(), mapping.pendingBytes)
    mapping.updateRegion(20, 'main')
    worker.postMessage('read')
    seen.push(await answer(worker))
    worker.postMessage('end')
    seen.push(await answer(worker), mapping.asSlice(20, 4).toString(), mapping.closed)
    print(seen)`
  t.deepEqual(await survives(t, program, path), [
    [100, 'read-write', path, { everyBytes: 1000 }, true],
    6,
    'worker',
    6,
    'main',
    'end',
    'main',
    false,
  ])
})

test('attaching makes no second mapping of the file', async (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, pattern(100)))
  const same = MemoryMappedFile.attach(mapping.share())
  t.not(same, mapping)
  t.is(same.length, 100)
  same.updateRegion(0, 'one')
  t.is(mapping.asSlice(0, 3).toString(), 'one')
  mapping.close()
  t.is(same.asSlice(0, 3).toString(), 'one', 'each closes for itself')
  same.close()
})

test('a resize by one holder is seen by all, and views are cut anew', async (t) => {
  const program = `${prelude}${workers}
    const mapping = MemoryMappedFile.openRwSync(path)
    const early = mapping.asSlice()
    const worker = ${workerOf(
      'mapping.share()',
      `const same = MemoryMappedFile.attach(workerData)
       const early = same.asSlice()
       await same.resize(50_000)
       same.updateRegion(40_000, 'grown')
       post(same.length)
       await next()
       post([same.length, same.asSlice(0, 5).toString(), early.length])
       same.resizeSync(70_000)
       same.updateRegion(60_000, 'again')
       post('done')
       await next()`,
    )}
    const seen = [await answer(worker), mapping.length, mapping.asSlice(40_000, 5).toString()]
    await mapping.resize(10)
    const late = mapping.asSlice()
    late.length
    mapping.updateRegion(0, 'small')
    worker.postMessage('')
    seen.push(await answer(worker), await answer(worker), mapping.length, mapping.asSlice(60_000, 5).toString(), early.length)
    mapping.close()
    worker.postMessage('')
    await once(worker, 'exit')
    print(seen)`
  t.deepEqual(await survives(t, program, tempFile(t, Buffer.alloc(100, 'x'))), [
    50_000,
    50_000,
    'grown',
    [10, 'small', 100],
    'done',
    70_000,
    'again',
    100,
  ])
})

test('a mapping that was made in a worker stays valid in main after the worker has ended', async (t) => {
  const program = `${prelude}${workers}
    const seen = []
    for (const end of ['by itself', 'by exit', 'terminated']) {
      const worker = ${workerOf(
        '[path, end]',
        `const [path, end] = workerData
         globalThis.mapping = MemoryMappedFile.openRwSync(path)
         mapping.asSlice()
         post(mapping.share())
         await next()
         if (end === 'by exit') process.exit()
         if (end === 'terminated') await next()`,
      )}
      const mapping = MemoryMappedFile.attach(await answer(worker))
      const view = mapping.asSlice()
      worker.postMessage('')
      if (end === 'terminated') await worker.terminate()
      else await once(worker, 'exit')
      await collect()
      mapping.updateRegion(0, Buffer.from('still'))
      seen.push(mapping.asSlice(0, 5).toString(), ${isLive ? "view.toString('latin1', 0, 5)" : "'still'"})
      await mapping.resize(mapping.length + 1)
      mapping.close()
    }
    print(seen)`
  t.deepEqual(await survives(t, program, tempFile(t, pattern(page))), Array(6).fill('still'))
})

test('a mapping that was shared is held until close, not until its object is collected', async (t) => {
  const program = `${prelude}
    const handles = [1, 2, 3].map(() => MemoryMappedFile.openRwSync(path).share())
    await collect()
    const lengths = handles.map((handle) => {
      const first = MemoryMappedFile.attach(handle)
      first.close()
      return first.closed && MemoryMappedFile.attach(handle).length
    })
    await collect()
    print([...lengths, ...handles.map((handle) => MemoryMappedFile.attach(handle).length)])`
  t.deepEqual(await survives(t, program, tempFile(t, pattern(100))), Array(6).fill(100))
})

test('a handle whose holders have all closed, of another process, or made up, is Closed or misuse', async (t) => {
  const path = tempFile(t, pattern(100))
  const mapping = MemoryMappedFile.openRwSync(path)
  const handle = mapping.share()
  t.deepEqual(mapping.share(), handle, 'one mapping has one handle')
  const same = MemoryMappedFile.attach(structuredClone(handle))
  t.deepEqual(same.share(), handle)
  mapping.close()
  same.close()
  t.throws(() => MemoryMappedFile.attach(handle), { instanceOf: MmapIoError, code: 'ERR_MMAP_CLOSED' })
  t.throws(() => mapping.share(), { code: 'ERR_MMAP_CLOSED' })
  const foreign = await survives(t, `${prelude}; globalThis.kept = MemoryMappedFile.openRoSync(path); print(kept.share())`, path)
  const attach = MemoryMappedFile.attach as (handle: unknown, options?: unknown) => MemoryMappedFile
  for (const id of [(foreign as { id: string }).id, '', '0', '\0', '\ud800', 'x'.repeat(100_000)]) {
    t.is(await outcome(() => attach({ kind: 'mmap-io/handle', id })), 'Closed', id.slice(0, 40))
  }
  for (const bad of [
    undefined,
    null,
    5,
    'id',
    {},
    [],
    { kind: 'mmap-io/handle' },
    { id: handle.id },
    { kind: 'mmap-io/handle', id: 7 },
    mapping,
  ]) {
    t.is(await outcome(() => attach(bad)), 'ERR_INVALID_ARG_TYPE')
  }
  t.is(await outcome(() => attach(handle, { view: 'fast' })), 'ERR_INVALID_ARG_VALUE')
  t.is(await outcome(() => attach(handle, { veiw: 'copy' })), 'ERR_INVALID_ARG_VALUE')
})

onLinux('the file is released when the last holder closes, and not before', async (t) => {
  const program = `${prelude}${workers}
    const before = descriptorsOf(path)
    const mapping = MemoryMappedFile.openRwSync(path)
    const worker = ${workerOf('mapping.share()', 'const same = MemoryMappedFile.attach(workerData); same.asSlice(); post(0); await next(); same.close(); post(0); await next()')}
    await answer(worker)
    mapping.asSlice()
    mapping.close()
    const seen = [before, descriptorsOf(path)]
    worker.postMessage(0)
    await answer(worker)
    seen.push(descriptorsOf(path), mapsOf(path))
    await worker.terminate()
    print(seen)`
  t.deepEqual(await survives(t, program, tempFile(t, pattern(100))), [0, 1, 0, 0])
})

test('workers read and write while others close, resize and end', async (t) => {
  const program = `${prelude}${workers}
    const mapping = MemoryMappedFile.openRwSync(path)
    const running = Array.from({ length: 3 }, () => ${workerOf(
      'mapping.share()',
      `for (let round = 0; round < 60; round++) {
         const same = MemoryMappedFile.attach(workerData)
         for (let i = 0; i < 20; i++) {
           const length = same.length
           const view = same.asSlice(0, 50)
           same.updateRegion(round, Buffer.of(1))
           try { same.asSlice(length - 10, 10).fill(i) } catch (error) { if (error.kind !== 'OutOfBounds') throw error }
           if (i === 10) await same.resize(20_000 + round * 100).catch((error) => { if (error.kind !== 'ResizeFailed') throw error })
           view[0]
         }
         if (round % 3) same.close({ detach: round % 2 === 0 })
       }
       post('done')`,
    )})
    const seen = await Promise.all(running.map(answer))
    print([seen, mapping.asSlice(0, 1)[0]])`
  t.deepEqual(await survives(t, program, tempFile(t, Buffer.alloc(10_000))), [['done', 'done', 'done'], 1])
})

test('the addon works in workers alone, which end one after the other', async (t) => {
  const program = `
    ${workers}
    const [path] = process.argv.slice(1)
    const seen = []
    let handle
    for (let i = 0; i < 3; i++) {
      const worker = ${workerOf('path', 'const m = MemoryMappedFile.openRwSync(workerData); post([m.asSlice(0, 5).toString(), m.share()]); await next()')}
      const [text, newer] = await answer(worker)
      seen.push(text)
      handle = newer
      await worker.terminate()
    }
    const { MemoryMappedFile } = await import('#mmap-io')
    try { MemoryMappedFile.attach(handle) } catch (error) { seen.push(error.kind) }
    console.log(JSON.stringify(seen))`
  t.deepEqual(await survives(t, program, tempFile(t, 'hello world')), ['hello', 'hello', 'hello', 'Closed'])
})

test('process.exit in main with attached workers that are busy ends cleanly', async (t) => {
  const path = tempFile(t, Buffer.alloc(4 * page))
  const program = `${prelude}${workers}
    const mapping = MemoryMappedFile.openRwSync(path)
    mapping.asSlice()
    const worker = ${workerOf(
      'mapping.share()',
      `const same = MemoryMappedFile.attach(workerData)
       post('ready')
       for (let i = 0; ; i++) same.updateRegion(i % 100, Buffer.of(i))`,
    )}
    await answer(worker)
    mapping.updateRegion(page, 'stored')
    process.exit(0)`.replace('updateRegion(page', `updateRegion(${page}`)
  const { code, signal, stderr } = await run(program, [path])
  t.deepEqual([code, signal], [0, null], stderr)
  t.is(readFileSync(path, 'latin1').slice(page, page + 6), 'stored')
})

const canShare = view !== 'copy' && (capabilities.views.includes('shared') || capabilities.views.includes('wasm'))

test('a shared buffer reaches a worker, which stores through it and holds nothing', async (t) => {
  if (!canShare) {
    const mapping = MemoryMappedFile.openRwSync(tempFile(t, pattern(100)))
    t.throws(() => mapping.sharedBuffer(), { instanceOf: MmapIoError, code: 'ERR_MMAP_UNSUPPORTED' })
    mapping.close()
    return
  }
  const program = `${prelude}${workers}
    const mapping = MemoryMappedFile.openRwSync(path)
    const worker = ${workerOf(
      'mapping.sharedBuffer()',
      `const bytes = new Uint8Array(workerData)
       Atomics.add(bytes, 5, 3)
       post(bytes.length)
       await next()
       post([bytes.length, bytes[5]])`,
    )}
    const seen = [await answer(worker), mapping.asSlice(5, 1)[0], fs.readFileSync(path)[5], mapping.sharedBuffer() === mapping.sharedBuffer()]
    mapping.close()
    await collect()
    worker.postMessage('')
    seen.push(await answer(worker), descriptorsOf(path))
    print(seen)`
  // Over WebAssembly memory its length is rounded up.
  const length = capabilities.views.includes('shared') && view !== 'wasm' ? 100 : 65_536
  t.deepEqual(await survives(t, program, tempFile(t, Buffer.alloc(100, 4))), [length, 7, 7, true, [length, 0], 0])
})

test('the writes of all holders of a file count together, and a flush by any of them clears the count', async (t) => {
  const path = tempFile(t, Buffer.alloc(100))
  const first = MemoryMappedFile.openRwSync(path)
  const second = MemoryMappedFile.attach(first.share())
  const both = () => [first.pendingBytes, second.pendingBytes]
  first.updateRegion(0, 'abc')
  second.updateRegion(3, 'defgh')
  t.deepEqual(both(), [8, 8])
  await second.flush()
  t.deepEqual(both(), [0, 0])
  first.updateRegion(0, 'ab')
  second.updateRegion(2, 'c')
  t.deepEqual(both(), [3, 3])
  first.flushSync()
  t.deepEqual(both(), [0, 0])
  first.updateRegion(0, 'a')
  first.close()
  t.is(second.pendingBytes, 1, 'what the first wrote stays to be flushed')
  second.flushSync()
  t.is(second.pendingBytes, 0)
  second.close()
})

test('a policy counts the writes of all holders', (t) => {
  const first = MemoryMappedFile.openRwSync(tempFile(t, Buffer.alloc(100)), { flushPolicy: { everyBytes: 10 } })
  const second = MemoryMappedFile.attach(first.share())
  first.updateRegion(0, Buffer.alloc(6))
  second.updateRegion(0, Buffer.alloc(3))
  t.is(first.pendingBytes, 9)
  first.updateRegion(0, Buffer.alloc(1))
  t.deepEqual([first.pendingBytes, second.pendingBytes], [0, 0])
  first.close()
  second.close()
})
