/** What outlives what. Everything that could end a process runs in one of its own. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import test from 'ava'
import { MemoryMappedFile } from '#mmap-io'
import { prelude, run, survives } from './support/child.ts'
import { onLinux, withEmptiedViews, withLiveViews, withLiveViewsOnUnix, withTransfer } from './support/conditions.ts'
import { pattern, tempFile } from './support/files.ts'
import { isEmptied, isLive, view } from './support/view.ts'

const page = 4096

test('close empties every kind of view that can be emptied, and later calls fail with Closed', (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, Buffer.alloc(100, 'x')))
  const slice = mapping.asSlice(3, 10)
  const numbers = mapping.typedArray(Uint16Array, 4)
  const data = mapping.dataView(8)
  mapping.close()
  if (isEmptied) {
    t.is(slice.length, 0)
    t.is(slice[0], undefined)
    t.is(slice.toString(), '')
    t.is(numbers.length, 0)
    t.throws(() => data.getUint8(0), { instanceOf: TypeError })
  } else {
    const left = isLive ? 0 : 'x'.charCodeAt(0)
    t.deepEqual([slice.length, slice[0], numbers[0], data.getUint8(0)], [10, left, left * 0x101, left])
  }
  t.deepEqual([mapping.closed, mapping.length, mapping.isEmpty, mapping.pendingBytes], [true, 0, true, 0])
  t.deepEqual([mapping.mode, mapping.viewMode, typeof mapping.path], ['read-only', view, 'string'])
  t.throws(() => mapping.asSlice(), { code: 'ERR_MMAP_CLOSED' })
  mapping.close()
})

test('close tells it by an event, once', async (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, 'content'))
  let closes = 0
  mapping.on('close', () => closes++)
  mapping.close()
  t.is(closes, 0, 'not while close() runs')
  mapping.close()
  await new Promise((resolve) => setImmediate(resolve))
  t.is(closes, 1)
})

// Windows shows the bytes until the views are collected.
withLiveViewsOnUnix('close with detach: false leaves views, which read zeros and let stores go nowhere', (t) => {
  const path = tempFile(t, pattern(3 * page))
  const mapping = MemoryMappedFile.openRwSync(path)
  const view = mapping.asSlice()
  mapping.close({ detach: false })
  t.is(view.length, 3 * page)
  t.deepEqual(view, Buffer.alloc(3 * page))
  view.fill(7)
  t.deepEqual(readFileSync(path), pattern(3 * page))
})

test('a flush that is running when the mapping closes still ends', async (t) => {
  const path = tempFile(t, pattern(100))
  const mapping = MemoryMappedFile.openRwSync(path)
  mapping.updateRegion(0, 'kept')
  const flushes = [mapping.flush(), mapping.flushRange(0, 10), mapping.resize(200)]
  mapping.close()
  await t.notThrowsAsync(Promise.all(flushes))
  t.is(readFileSync(path, 'latin1').slice(0, 4), 'kept')
})

test('asyncDispose flushes and closes; dispose closes; both may come again', async (t) => {
  const one = MemoryMappedFile.openRwSync(tempFile(t, pattern(100)))
  one.updateRegion(0, 'x')
  await one[Symbol.asyncDispose]()
  t.true(one.closed)
  await one[Symbol.asyncDispose]()
  const two = MemoryMappedFile.openRwSync(tempFile(t, pattern(100)))
  two[Symbol.dispose]()
  two[Symbol.dispose]()
  t.true(two.closed)
})

withLiveViews('views outlive the mapping object and keep seeing the file', async (t) => {
  const program = `${prelude}
    let mapping = MemoryMappedFile.openRwSync(path)
    const gone = new WeakRef(mapping)
    const view = mapping.asSlice(10, 10)
    mapping = undefined
    await collect()
    const collected = gone.deref() === undefined
    fs.writeFileSync(path, Buffer.alloc(100, 'y'), { flag: 'r+' })
    view[1] = 0x7a
    await collect()
    print([collected, view.toString(), fs.readFileSync(path, 'utf8').slice(8, 14)])`
  t.deepEqual(await survives(t, program, tempFile(t, Buffer.alloc(100, 'x'))), [true, 'yzyyyyyyyy', 'yyyzyy'])
})

onLinux('a mapping that nothing refers to is released by the garbage collector', async (t) => {
  const program = `${prelude}
    const before = [descriptors(), mapsOf(path)]
    for (let i = 0; i < 100; i++) MemoryMappedFile.openRwSync(path).asSlice(0, 1)
    await collect()
    print([before, [descriptors(), mapsOf(path)]])`
  const [before, after] = (await survives(t, program, tempFile(t, pattern(100)))) as [number[], number[]]
  t.deepEqual(after, before)
})

onLinux('close releases the file at once, whatever views are left', async (t) => {
  const program = `${prelude}
    const open = () => [descriptors(), mapsOf(path)]
    const before = open()
    const kept = []
    for (const detach of [true, false]) {
      const mapping = MemoryMappedFile.openRwSync(path)
      kept.push(mapping.asSlice(), mapping.asSlice(1))
      mapping.close({ detach })
    }
    print([before, open(), kept.length])`
  const [before, after] = (await survives(t, program, tempFile(t, pattern(100)))) as [number[], number[]]
  t.deepEqual(after, before)
})

withTransfer('a buffer that its user transferred stays usable, and reads zeros after close', async (t) => {
  const program = `${prelude}
    const mapping = MemoryMappedFile.openRwSync(path)
    const view = mapping.asSlice()
    const moved = new Uint8Array(view.buffer.transfer())
    const seen = [view.length, moved[5]]
    moved[5] = 9
    mapping.updateRegion(6, Buffer.from([8]))
    seen.push(moved[6], fs.readFileSync(path)[5])
    mapping.close()
    await collect()
    // Longer than an emptied region lingers, and with others pushing it out.
    for (let i = 0; i < 200; i++) { const m = MemoryMappedFile.openRwSync(path); m.asSlice(); m.close() }
    await collect()
    let sum = 0
    for (const byte of moved) sum += byte
    moved.fill(1)
    print([seen, moved.length, sum, fs.readFileSync(path)[5]])`
  t.deepEqual(await survives(t, program, tempFile(t, Buffer.alloc(3 * page, 7))), [[0, 7, 8, 9], 3 * page, 0, 9])
})

withLiveViews('a buffer that its user marked untransferable is empty or reads zeros after close', async (t) => {
  // Node 24 and later abort at exit when a marked external buffer is still alive, whoever made it; so it is let go first.
  const program = `${prelude}
    const { markAsUntransferable } = await import('node:worker_threads')
    const mapping = MemoryMappedFile.openRwSync(path)
    let view = mapping.asSlice()
    markAsUntransferable(view.buffer)
    mapping.close()
    const seen = [Array.prototype.every.call(view, (byte) => byte === 0), mapping.closed]
    view = undefined
    await collect()
    print(seen)
    process.reallyExit(0)`
  t.deepEqual(await survives(t, program, tempFile(t, pattern(3 * page))), [true, true])
})

withEmptiedViews('a polyfilled transfer that copies does not stand in for emptying', async (t) => {
  // What core-js does on Node 20. Where the runtime has the method, the polyfill keeps away.
  const program = `
    ArrayBuffer.prototype.transfer ??= function (length) {
      const copy = structuredClone(this)
      return copy.slice(0, length)
    }
    const fs = await import('node:fs')
    const { MemoryMappedFile } = await import('#mmap-io')
    const [path] = process.argv.slice(1)
    const mapping = MemoryMappedFile.openRwSync(path)
    const view = mapping.asSlice()
    mapping.close()
    for (let i = 0; i < 100; i++) { const other = MemoryMappedFile.openRoSync(path); other.asSlice(); other.close() }
    console.log(JSON.stringify([view.length, view[1000] ?? null]))`
  t.deepEqual(await survives(t, program, tempFile(t, pattern(1 << 20))), [0, null])
})

withTransfer('a buffer that was moved out of a worker stays readable after the worker has ended', async (t) => {
  const program = `${prelude}
    const { Worker } = await import('node:worker_threads')
    const { once } = await import('node:events')
    const seen = []
    for (const close of ['', 'mapping.close()']) {
      const worker = new Worker(${JSON.stringify(`
        import { parentPort, workerData } from 'node:worker_threads'
        import { MemoryMappedFile } from '#mmap-io'
        globalThis.others = [MemoryMappedFile.openRoSync(workerData), MemoryMappedFile.openRoSync(workerData)]
        const mapping = MemoryMappedFile.openRwSync(workerData)
        others[0].asSlice()
        const moved = mapping.asSlice().buffer.transfer()
        others[1].asSlice()
        CLOSE
        parentPort.postMessage(moved, [moved])
      `)}.replace('CLOSE', close), { eval: true, workerData: path })
      const [[moved]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
      await collect()
      const bytes = new Uint8Array(moved)
      bytes[6] = 1
      seen.push(bytes.length, bytes[5])
    }
    print(seen)`
  t.deepEqual(await survives(t, program, tempFile(t, Buffer.alloc(3 * page, 7))), [3 * page, 0, 3 * page, 0])
})

test('views of nothing share no buffer with each other', (t) => {
  const path = tempFile(t, pattern(100))
  const [one, two] = [MemoryMappedFile.openRoSync(path), MemoryMappedFile.openRoSync(path)]
  const { buffer } = one.asSlice(0, 0)
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] })
  t.is(two.dataView(0, 0).byteLength, 0)
  t.is(two.typedArray(Uint8Array, 0, 0).length, 0)
  t.is(one.asSlice(0, 10).length, 10)
  one.close()
  two.close()
})

withEmptiedViews('emptied regions give their addresses back when they are needed', async (t) => {
  const program = `${prelude}
    fs.truncateSync(path, 8 * 2 ** 30)
    for (let i = 0; i < 20; i++) {
      const mapping = MemoryMappedFile.openRoSync(path)
      mapping.asSlice(0, 1)
      mapping.close()
    }
    print('done')`
  const command = 'ulimit -v 60000000; exec "$0" --expose-gc --input-type=module --eval "$1" -- "$2"'
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command, process.execPath, program, tempFile(t)], { encoding: 'utf8' })
  t.is(status, 0, stderr)
  t.is(stdout.trim(), '"done"')
})

test('structuredClone and postMessage of a view give copies, shared memory or errors, never a crash', async (t) => {
  const program = `${prelude}
    const mapping = MemoryMappedFile.openRwSync(path)
    const view = mapping.asSlice(0, 10)
    const clone = structuredClone(view)
    const transfer = (() => { try { structuredClone(view.buffer, { transfer: [view.buffer] }); return 'copied' } catch (error) { return error.name } })()
    mapping.updateRegion(0, 'after')
    const { MessageChannel } = await import('node:worker_threads')
    const { port1, port2 } = new MessageChannel()
    port1.postMessage(mapping.asSlice(0, 5))
    const [message] = await new Promise((resolve) => port2.once('message', (...args) => resolve(args)))
    port1.close()
    mapping.close()
    await collect()
    print([clone[0], ['copied', 'DataCloneError'].includes(transfer), Buffer.from(message).toString()])`
  t.deepEqual(
    await survives(t, program, tempFile(t, Buffer.alloc(page, 7))),
    view === 'shared' ? [0, true, '\0'.repeat(5)] : [7, true, 'after'],
  )
})

test('zlib reads zeros from a mapping that is closed under it with detach: false', async (t) => {
  const program = `${prelude}
    const { gzip, gunzipSync } = await import('node:zlib')
    const mapping = MemoryMappedFile.openRwSync(path)
    const packed = new Promise((resolve, reject) => gzip(mapping.asSlice(), (error, bytes) => (error ? reject(error) : resolve(bytes))))
    mapping.close({ detach: false })
    print(gunzipSync(await packed).length)`
  t.is(await survives(t, program, tempFile(t, Buffer.alloc(8 << 20, 7))), 8 << 20)
})

onLinux('10,000 mappings leak no descriptor, no address range and no memory, closed or collected', async (t) => {
  const program = `${prelude}
    const round = async (close) => {
      for (let i = 0; i < 5000; i++) {
        const mapping = MemoryMappedFile.openRwSync(path)
        mapping.asSlice(0, 1)[0] = i
        if (close) mapping.close()
        if (i % 500 === 499) await collect()
      }
      await collect()
    }
    await round(true)
    const before = { descriptors: descriptorsOf(path), maps: maps(), rss: process.memoryUsage.rss() }
    await round(true)
    await round(false)
    await collect()
    const after = { descriptors: descriptorsOf(path), maps: maps(), rss: process.memoryUsage.rss() }
    print({ descriptors: [before.descriptors, after.descriptors], maps: after.maps - before.maps, megabytes: (after.rss - before.rss) / 2 ** 20 })`
  const grown = (await survives(t, program, tempFile(t, pattern(2 * page)))) as { descriptors: number[]; maps: number; megabytes: number }
  t.deepEqual(grown.descriptors, [0, 0])
  // Up to 64 emptied regions keep their addresses for some seconds; a heap grows by a few ranges of its own.
  t.true(grown.maps < 100, `${grown.maps} more ranges`)
  t.true(grown.megabytes < 48, `${grown.megabytes} MiB more`)
})

onLinux('an open that fails leaves nothing open', async (t) => {
  const program = `${prelude}
    const attempt = async () => {
      await MemoryMappedFile.openRw(path, { offset: 5000 }).catch(() => {})
      await MemoryMappedFile.openRo('/dev/null').catch(() => {})
      await MemoryMappedFile.createRw(path + '.none/x', 5).catch(() => {})
      await MemoryMappedFile.fromFd(0, { offset: 2 ** 40 }).catch(() => {})
    }
    await attempt()
    const before = descriptors()
    for (let i = 0; i < 200; i++) await attempt()
    print(descriptors() - before)`
  t.is(await survives(t, program, tempFile(t, pattern(100))), 0)
})

const worker = (body: string) =>
  `new Worker(${JSON.stringify(`
  import { parentPort, workerData } from 'node:worker_threads'
  import { MemoryMappedFile } from '#mmap-io'
  ${body}`)}, { eval: true, workerData: path })`

onLinux('workers that are terminated with live mappings take nothing down and leave nothing open', async (t) => {
  const program = `${prelude}
    const { Worker } = await import('node:worker_threads')
    const { once } = await import('node:events')
    const mine = MemoryMappedFile.openRwSync(path)
    const view = mine.asSlice()
    const round = async () => {
      const worker = ${worker(`
        globalThis.kept = Array.from({ length: 50 }, () => { const m = MemoryMappedFile.openRwSync(workerData); return [m, m.asSlice()] })
        kept[0][0].updateRegion(0, Buffer.of(42))
        setInterval(() => { for (const [m] of kept) m.flush() }, 0)
        parentPort.postMessage('ready')`)}
      await once(worker, 'message')
      await worker.terminate()
    }
    await round()
    await collect()
    const before = descriptors()
    for (let i = 0; i < 10; i++) await round()
    await collect()
    print([descriptors() - before, ${isLive ? 'view' : 'mine.asSlice()'}[0], fs.readFileSync(path)[0]])`
  t.deepEqual(await survives(t, program, tempFile(t, pattern(2 * page))), [0, 42, 42])
})

test('an addon that was loaded in a worker alone can be loaded again after it ended', async (t) => {
  const program = `
    import { Worker } from 'node:worker_threads'
    import { once } from 'node:events'
    const [path] = process.argv.slice(1)
    const seen = []
    for (let i = 0; i < 3; i++) {
      const worker = ${worker(`const m = MemoryMappedFile.openRwSync(workerData); parentPort.postMessage(m.asSlice(0, 5).toString())`)}
      const [message] = await once(worker, 'message')
      seen.push(message)
      await worker.terminate()
    }
    const { MemoryMappedFile } = await import('#mmap-io')
    seen.push(MemoryMappedFile.openRoSync(path).asSlice(0, 5).toString())
    console.log(JSON.stringify(seen))`
  t.deepEqual(await survives(t, program, tempFile(t, 'hello world')), ['hello', 'hello', 'hello', 'hello'])
})

test('process.exit with live mappings and running tasks ends cleanly, and stores are in the file', async (t) => {
  const path = tempFile(t, Buffer.alloc(2 * page))
  const program = `${prelude}
    const kept = Array.from({ length: 20 }, () => { const m = MemoryMappedFile.openRwSync(path); return [m, m.asSlice()] })
    ${isLive ? "kept[7][1].write('stored', 100)" : "kept[7][0].updateRegion(100, 'stored')"}
    for (const [m] of kept) { m.flush(); m.resize(3 * 4096) }
    process.exit(0)`
  const { code, signal, stderr } = await run(program, [path])
  t.deepEqual([code, signal], [0, null], stderr)
  t.is(readFileSync(path, 'latin1').slice(100, 106), 'stored')
})

test('a process that just ends with live mappings ends cleanly', async (t) => {
  const program = `${prelude}
    globalThis.kept = Array.from({ length: 20 }, () => { const m = MemoryMappedFile.openRwSync(path); return [m, m.asSlice()] })
    print('done')`
  t.is(await survives(t, program, tempFile(t, pattern(100))), 'done')
})

test('inspecting a mapping shows what it is and never its bytes', async (t) => {
  const { inspect } = await import('node:util')
  const path = tempFile(t, 'secret bytes')
  const mapping = MemoryMappedFile.openRoSync(path)
  const text = inspect(mapping)
  for (const part of ['MemoryMappedFile', path, 'read-only', '12', mapping.viewMode]) t.true(text.includes(part), part)
  t.false(text.includes('secret'))
  mapping.close()
  t.regex(inspect(mapping), /closed: true/)
})
