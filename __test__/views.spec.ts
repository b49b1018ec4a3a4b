/** Each view mode by its name, beside the others. The whole suite runs in each as well: see support/view.ts. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { capabilities, MemoryMappedFile, type MmapIoError, pageSize, type ViewMode } from '#mmap-io'
import { prelude, run, survives } from './support/child.ts'
import { onLinux } from './support/conditions.ts'
import { pattern, sparseFile, tempFile, tempFolder } from './support/files.ts'
import { workerOf, workers } from './support/worker.ts'

const page = pageSize()
const { views } = capabilities
const live = views.filter((view) => view !== 'copy')
const withWasm = views.includes('wasm') ? test : test.skip

test('every runtime has a view mode, and the default is one of them', (t) => {
  t.true(views.includes('copy'))
  t.true(views.includes(capabilities.defaultView))
  t.true(Object.isFrozen(views))
})

for (const view of views) {
  for (const offset of [0, 1, page - 3, page, 3 * page + 5]) {
    test(`bytes are at their place in view mode ${view}, from byte ${offset} of the file on`, async (t) => {
      const bytes = pattern(6 * page)
      const path = tempFile(t, bytes)
      const mapping = await MemoryMappedFile.openRw(path, { view, offset })
      t.is(mapping.viewMode, view)
      t.deepEqual(mapping.asSlice(), bytes.subarray(offset))
      t.deepEqual(mapping.readBytes(10, 100), bytes.subarray(offset + 10, offset + 110))
      t.deepEqual(mapping.readInto(7, Buffer.alloc(9)), bytes.subarray(offset + 7, offset + 16))
      mapping.updateRegion(page, 'stored')
      t.is(readFileSync(path).toString('latin1', offset + page, offset + page + 6), 'stored')
      const slice = mapping.asSliceMut(2 * page, 3)
      slice.bytes.write('abc')
      slice.release()
      t.is(readFileSync(path).toString('latin1', offset + 2 * page, offset + 2 * page + 3), 'abc')
      t.is(mapping.pendingBytes, 9)
      t.is(mapping.indexOf('stored'), page)
      mapping.close()
    })
  }

  test(`private bytes stay private in view mode ${view}, and are seen by every method`, async (t) => {
    const bytes = pattern(2 * page)
    const path = tempFile(t, bytes)
    const copy = MemoryMappedFile.openCowSync(path, { view })
    copy.updateRegion(100, 'needle')
    t.is(copy.indexOf('needle'), 100, 'a native search sees what JavaScript has stored')
    t.deepEqual(await copy.search('needle'), [100])
    t.is(copy.asSlice(100, 6).toString(), 'needle')
    t.deepEqual(readFileSync(path), bytes)
    copy.close()
    const memory = MemoryMappedFile.anonymous(page, { view })
    memory.updateRegion(5, 'needle')
    t.is(memory.indexOf('needle'), 5)
    memory.close()
    const readOnly = MemoryMappedFile.openRoSync(path, { view })
    readOnly.asSlice(0, 6).write('stray!')
    t.deepEqual(readFileSync(path), bytes)
    readOnly.close()
  })

  test(`an empty file has an empty view in view mode ${view}`, (t) => {
    const mapping = MemoryMappedFile.openRoSync(tempFile(t), { view })
    t.is(mapping.viewMode, view)
    t.is(mapping.asSlice().length, 0)
    t.is(mapping.dataView().byteLength, 0)
    mapping.close()
  })

  test(`a copy between mappings of view mode ${view} and any other behaves like memmove`, (t) => {
    for (const other of views) {
      const bytes = pattern(20_000)
      const path = tempFile(t, bytes)
      const one = MemoryMappedFile.openRwSync(path, { view })
      const two = MemoryMappedFile.openRwSync(path, { view: other })
      one.updateRegion(5, two.asSlice(0, 10_000))
      bytes.copy(bytes, 5, 0, 10_000)
      t.deepEqual(readFileSync(path), bytes, other)
      two.readInto(0, one.asSlice(3, 10_000))
      if (view !== 'copy') bytes.copy(bytes, 3, 0, 10_000)
      t.deepEqual(readFileSync(path), bytes, other)
      one.close()
      two.close()
    }
  })

  onLinux(`${view} mappings that nothing refers to are collected, a thousand of them`, async (t) => {
    const program = `${prelude}
      const round = async () => {
        for (let i = 0; i < 1000; i++) {
          MemoryMappedFile.openRwSync(path, { view: '${view}' }).asSlice(0, 1)
          if (i % 100 === 99) await collect()
        }
        await collect()
      }
      await round()
      const before = maps()
      await round()
      print([descriptorsOf(path), mapsOf(path), maps() - before < 50])`
    t.deepEqual(await survives(t, program, tempFile(t, pattern(100))), [0, 0, true])
  })

  test(`a worker that ends or is terminated with views of mode ${view} takes nothing down`, async (t) => {
    const program = `${prelude}${workers}
      const mapping = MemoryMappedFile.openRwSync(path)
      for (const end of ['await next()', '', 'process.exit()']) {
        const worker = ${workerOf(
          '[mapping.share(), end]',
          `const [handle, end] = workerData
           globalThis.kept = Array.from({ length: 10 }, () => { const m = MemoryMappedFile.attach(handle, { view: '${view}' }); return [m, m.asSlice()] })
           kept[3][0].updateRegion(0, Buffer.from(end + '!'))
           for (const [m] of kept) m.flush()
           post('ready')
           if (end === 'await next()') await next()
           if (end === 'process.exit()') process.exit()`,
        )}
        const ended = once(worker, 'exit')
        await answer(worker)
        if (end === 'await next()') await worker.terminate()
        await ended
        await collect()
      }
      await mapping.resize(10)
      print(mapping.asSlice(0, 10).toString())`
    t.is(await survives(t, program, tempFile(t, pattern(100))), 'process.ex')
  })

  test(`process.exit with views of mode ${view} ends cleanly, and stores are in the file`, async (t) => {
    const path = tempFile(t, pattern(100))
    const program = `${prelude}
      globalThis.kept = Array.from({ length: 10 }, () => { const m = MemoryMappedFile.openRwSync(path, { view: '${view}' }); return [m, m.asSlice()] })
      kept[3][0].updateRegion(0, 'stored')
      for (const [m] of kept) { m.flush(); m.search('x'); m.resize(200) }
      process.exit(0)`
    const { code, signal, stderr } = await run(program, [path])
    t.deepEqual([code, signal], [0, null], stderr)
    t.is(readFileSync(path).toString('latin1', 0, 6), 'stored')
  })
}

for (const view of live) {
  test(`stores go both ways in view mode ${view}, and are seen in every other`, (t) => {
    const path = tempFile(t, Buffer.alloc(3 * page))
    const mapping = MemoryMappedFile.openRwSync(path, { view })
    const others = live.map((other) => MemoryMappedFile.attach(mapping.share(), { view: other }))
    const bytes = mapping.asSlice()
    for (const [at, other] of others.entries()) {
      other.asSlice()[at] = at + 1
      bytes[page + at] = at + 1
    }
    for (const other of others) t.deepEqual(other.readBytes(), bytes)
    t.deepEqual(readFileSync(path), Buffer.from(bytes))
    t.is(bytes[0], 1)
    for (const other of others) other.close()
    t.is(bytes[0], 1, 'closing another holder changes nothing')
    mapping.close()
    t.deepEqual([bytes.length, bytes[0]], view === 'shared' ? [3 * page, 0] : [0, undefined])
  })

  if (process.platform !== 'win32') {
    test(`a resize in another thread is safe for views of mode ${view}`, async (t) => {
      const program = `${prelude}${workers}
        const mapping = MemoryMappedFile.openRwSync(path, { view: '${view}' })
        const bytes = mapping.asSlice()
        const page = pageSize()
        const worker = ${workerOf(
          'mapping.share()',
          `const same = MemoryMappedFile.attach(workerData)
           same.asSlice()
           await same.resize(10); post(0); await next()
           await same.resize(40_000); same.updateRegion(30_000, 'again'); post(0); await next()
           same.close()`,
        )}
        await answer(worker)
        const seen = [bytes.length, bytes[9], bytes.subarray(page).every((byte) => byte === 0), mapping.length]
        bytes[page] = 1
        worker.postMessage(0)
        await answer(worker)
        seen.push(bytes.toString('latin1', 30_000, 30_005), mapping.asSlice(30_000, 5).toString(), bytes[page])
        worker.postMessage(0)
        await once(worker, 'exit')
        mapping.close({ detach: false })
        seen.push(bytes.every((byte) => byte === 0))
        print(seen)`
      t.deepEqual(await survives(t, program, tempFile(t, Buffer.alloc(40_000, 7))), [40_000, 7, true, 10, 'again', 'again', 0, true])
    })
  }

  test(`views of mode ${view} outlive their mapping object`, async (t) => {
    const program = `${prelude}
      const view = MemoryMappedFile.openRwSync(path, { view: '${view}' }).asSlice(10, 10)
      await collect()
      await collect()
      view[0] = 0x7a
      fs.writeFileSync(path, 'y', { flag: 'r+' })
      print([view.toString(), fs.readFileSync(path, 'latin1').slice(0, 12)])`
    t.deepEqual(await survives(t, program, tempFile(t, Buffer.alloc(100, 'x'))), ['zxxxxxxxxx', 'yxxxxxxxxxzx'])
  })
}

test('a shared buffer follows the mapping when it is asked for again, and begins where a page begins', async (t) => {
  const view = (['shared', 'wasm'] as const).find((view) => views.includes(view))
  if (view === undefined) return t.pass('this runtime has no shared buffers')
  const path = tempFile(t, pattern(3 * page))
  const mapping = MemoryMappedFile.openRwSync(path, { view })
  const small = mapping.sharedBuffer()
  await mapping.resize(200_000)
  const large = mapping.sharedBuffer()
  t.true(large.byteLength >= 200_000)
  new Uint8Array(small)[3] = 9
  t.is(new Uint8Array(large)[3], 9)
  mapping.close()
  t.deepEqual([new Uint8Array(small)[3], new Uint8Array(large)[3]], [0, 0])
  const window = MemoryMappedFile.openRwSync(path, { view, offset: 5 })
  const error = t.throws<MmapIoError>(() => window.sharedBuffer())
  t.is(error.kind, 'Unsupported')
  t.regex(error.message, /5 bytes/)
  window.close()
  const aligned = MemoryMappedFile.openRwSync(path, { view, offset: page })
  t.is(new Uint8Array(aligned.sharedBuffer())[0], pattern(3 * page)[page])
  aligned.close()
  t.throws(() => aligned.sharedBuffer(), { code: 'ERR_MMAP_CLOSED' })
})

// ---------------------------------------------------------------- wasm

withWasm('view mode wasm ends at 4 GiB: Unsupported when it is asked for, copies when it is not', async (t) => {
  const long = sparseFile(t, 2 ** 32 + 1)
  const error = await t.throwsAsync<MmapIoError>(() => MemoryMappedFile.openRo(long, { view: 'wasm' }))
  t.like(error, { kind: 'Unsupported' })
  t.regex(error.message, /4294967296.*'copy'/)
  const created = join(tempFolder(t), 'new')
  await t.throwsAsync(() => MemoryMappedFile.createRw(created, 2 ** 32 + 1, { view: 'wasm', sparse: true }), {
    code: 'ERR_MMAP_UNSUPPORTED',
  })
  t.false(existsSync(created))
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, pattern(10)), { view: 'wasm', sparse: true })
  await t.throwsAsync(() => mapping.resize(2 ** 32 + 1), { code: 'ERR_MMAP_UNSUPPORTED', message: /4294967296/ })
  await t.throwsAsync(() => mapping.resize(0), { code: 'ERR_MMAP_RESIZE_FAILED' })
  t.is(mapping.length, 10)
  mapping.close()
  const program = `${prelude}
    const mapping = MemoryMappedFile.openRoSync(path)
    const whole = MemoryMappedFile.openRoSync(path, { length: 2 ** 32 })
    print([mapping.viewMode, mapping.readBytes(2 ** 32, 1)[0], whole.viewMode, whole.asSlice(2 ** 32 - 1)[0]])`
  const { stdout, stderr } = await run(program, [long], [], { MMAP_IO_VIEW: 'no-external' })
  t.is(stdout.trim(), '["copy",0,"wasm",0]', stderr)
})

withWasm('private bytes in view mode wasm belong to their thread', (t) => {
  const path = tempFile(t, pattern(100))
  const copy = MemoryMappedFile.openCowSync(path, { view: 'wasm' })
  t.throws(() => MemoryMappedFile.attach(copy.share(), { view: 'copy' }), { code: 'ERR_MMAP_UNSUPPORTED' })
  copy.close()
  for (const view of views.filter((view): view is ViewMode => view !== 'wasm')) {
    const memory = MemoryMappedFile.anonymous(100, { view })
    t.throws(() => MemoryMappedFile.attach(memory.share(), { view: 'wasm' }), { code: 'ERR_MMAP_UNSUPPORTED', message: /'copy'/ })
    const same = MemoryMappedFile.attach(memory.share(), { view })
    same.updateRegion(0, 'seen')
    t.is(memory.asSlice(0, 4).toString(), 'seen')
    same.close()
    memory.close()
  }
})

withWasm('the memory of view mode wasm keeps the file when it grows by nothing', async (t) => {
  const program = `
    const memories = []
    WebAssembly.Memory = new Proxy(WebAssembly.Memory, { construct: (...args) => { memories.push(Reflect.construct(...args)); return memories.at(-1) } })
    ${prelude.replaceAll(/^import (.*) from (.*)$/gm, (_, names: string, from: string) => `const ${names.startsWith('{') ? names.replaceAll(' as ', ': ') : `{ default: ${names} }`} = await import(${from})`)}
    const mapping = MemoryMappedFile.openRwSync(path, { view: 'wasm' })
    const view = mapping.asSlice()
    const memory = memories.at(-1)
    memory.grow(0)
    await collect()
    const bytes = new Uint8Array(memory.buffer)
    bytes[1] = 0x7a
    const seen = [view.length, bytes[0], fs.readFileSync(path, 'latin1').slice(0, 3), mapping.asSlice(0, 3).toString()]
    mapping.close()
    seen.push(bytes[0], bytes[1])
    print(seen)`
  t.deepEqual(await survives(t, program, tempFile(t, Buffer.alloc(100, 'x'))), [0, 120, 'xzx', 'xzx', null, null])
})

withWasm('what only looks like a WebAssembly.Memory is never mapped over', async (t) => {
  const path = tempFile(t, pattern(100))
  for (const fake of [
    'class { get buffer() { return new ArrayBuffer(65536 * 64) } grow() {} }',
    'class { get buffer() { return this.b ??= Buffer.allocUnsafeSlow(65536).buffer } grow() {} }',
    'class { get buffer() { return new ArrayBuffer(5) } grow() {} }',
    'class extends WebAssembly.Memory { get buffer() { return new ArrayBuffer(65536) } }',
    'class extends WebAssembly.Memory {}',
    'function () {}',
    '5',
    'undefined',
  ]) {
    const program = `
      WebAssembly.Memory = ${fake}
      const { MemoryMappedFile } = await import('#mmap-io')
      const [path] = process.argv.slice(1)
      let kind = 'mapped'
      try { MemoryMappedFile.openRwSync(path, { view: 'wasm' }).asSlice()[0] = 9 } catch (error) { kind = error.kind }
      console.log(JSON.stringify(kind))`
    t.is(await survives(t, program, path), 'Unsupported', fake)
  }
  t.deepEqual(readFileSync(path), pattern(100))
})

withWasm('where there is no room for another WebAssembly.Memory, the default falls to copies', async (t) => {
  const program = `
    const Real = WebAssembly.Memory
    let left = 2
    WebAssembly.Memory = new Proxy(Real, { construct: (...args) => { if (left-- <= 0) throw new RangeError('no room'); return Reflect.construct(...args) } })
    const { MemoryMappedFile } = await import('#mmap-io')
    const [path] = process.argv.slice(1)
    const modes = Array.from({ length: 3 }, () => MemoryMappedFile.openRwSync(path).viewMode)
    const error = (() => { try { MemoryMappedFile.openRwSync(path, { view: 'wasm' }) } catch (error) { return error } })()
    console.log(JSON.stringify([modes, error.kind, error.cause.message]))`
  const { stdout, stderr } = await run(program, [tempFile(t, pattern(100))], [], { MMAP_IO_VIEW: 'wasm' })
  t.is(stdout.trim(), '[["wasm","wasm","copy"],"Unsupported","no room"]', stderr)
})

// ---------------------------------------------------------------- copy

test('in view mode copy a released slice is written back, and what views would lose is refused', async (t) => {
  const path = tempFile(t, pattern(100))
  const mapping = MemoryMappedFile.openRwSync(path, { view: 'copy', flushPolicy: { everyBytes: 8 } })
  const view = mapping.asSlice(0, 10)
  view.fill(0)
  t.deepEqual(readFileSync(path), pattern(100), 'a copy is a copy')
  for (const method of ['dataView', 'typedArray'] as const) {
    const call = () => (method === 'dataView' ? mapping.dataView() : mapping.typedArray(Uint8Array))
    const error = t.throws<MmapIoError>(call)
    t.is(error.kind, 'Unsupported')
    for (const instead of ['updateRegion', 'SegmentMut.write', 'asSliceMut', 'chunksMut', 'atomics'])
      t.true(error.message.includes(instead))
  }
  const slice = mapping.asSliceMut(50, 10)
  slice.bytes.fill(1)
  t.deepEqual(readFileSync(path), pattern(100), 'not before the release')
  mapping.updateRegion(50, 'x')
  slice.release()
  t.deepEqual(readFileSync(path).subarray(50, 60), Buffer.alloc(10, 1))
  t.is(mapping.pendingBytes, 0, 'the release applied the policy')
  for (const [, chunk] of mapping.chunksMut(30)) chunk.fill(2)
  t.deepEqual(readFileSync(path), Buffer.alloc(100, 2))
  const cut = mapping.asSliceMut(80, 20)
  cut.bytes.fill(3)
  await mapping.resize(90)
  cut.release()
  t.deepEqual(readFileSync(path).subarray(70), Buffer.concat([Buffer.alloc(10, 2), Buffer.alloc(10, 3)]), 'what is left of the range')
  const late = mapping.asSliceMut(0, 5)
  late.bytes.fill(4)
  mapping.close()
  late.release()
  t.is(readFileSync(path)[0], 2, 'not after close')
  const readOnly = MemoryMappedFile.openRoSync(path, { view: 'copy' })
  t.is(readOnly.dataView(80, 2).getUint16(0), 0x0303)
  t.deepEqual([...readOnly.typedArray(Uint16Array, 80, 1)], [0x0303])
  readOnly.close()
})

// ---------------------------------------------------------------- runtimes that refuse external buffers

for (const hook of ['no-external', 'no-external,no-wasm']) {
  test(`numbers about a mapping are right and shared under ${hook}`, async (t) => {
    const program = `${prelude}${workers}
      const { capabilities } = await import('#mmap-io')
      const mapping = MemoryMappedFile.openRwSync(path, { flushPolicy: { everyWrites: 3 } })
      const worker = ${workerOf(
        'mapping.share()',
        `const same = MemoryMappedFile.attach(workerData)
         same.updateRegion(0, Buffer.from('12345'))
         post([same.length, same.pendingBytes])
         await same.resize(200)
         post(same.length)
         await next()`,
      )}
      const seen = [await answer(worker), await answer(worker), mapping.length, mapping.pendingBytes]
      mapping.updateRegion(0, '67')
      seen.push(mapping.pendingBytes)
      mapping.updateRegion(0, '8')
      seen.push(mapping.pendingBytes)
      const slice = mapping.asSliceMut(150, 10)
      slice.release()
      seen.push(mapping.pendingBytes, mapping.viewMode === capabilities.defaultView, capabilities.views.includes('external'))
      mapping.close()
      seen.push(mapping.length, mapping.pendingBytes)
      await worker.terminate()
      print(seen)`
    const { stdout, stderr } = await run(program, [tempFile(t, pattern(100))], ['--expose-gc'], { MMAP_IO_VIEW: hook })
    t.deepEqual(JSON.parse(stdout || 'null'), [[100, 5], 200, 200, 5, 7, 0, 10, true, false, 0, 0], stderr)
  })
}
