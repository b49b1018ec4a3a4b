/** Searching, with Buffer as the oracle. */
import { writeFileSync } from 'node:fs'
import test from 'ava'
import fc from 'fast-check'
import { type Bytes, MemoryMappedFile, MmapIoError, type SearchOptions } from '#mmap-io'
import { prelude, run } from './support/child.ts'
import { pattern, sparseFile, tempFile } from './support/files.ts'
import { outcome } from './support/outcome.ts'

const GiB = 2 ** 30

/** Few different bytes, so that needles are found, also in part and overlapping; long enough for the native search. */
const haystacks = fc
  .tuple(fc.uint8Array({ max: 3, minLength: 0, maxLength: 40 }), fc.nat({ max: 60 }), fc.uint8Array({ max: 3, maxLength: 700 }))
  .map(([unit, times, rest]) => Buffer.concat([...Array.from({ length: times }, () => unit), rest]))

const froms = fc.oneof(
  fc.integer({ min: -3000, max: 3000 }),
  fc.double({ min: -1000, max: 1000, noNaN: true }),
  fc.constantFrom(
    undefined,
    Number.NaN,
    -0,
    -0.5,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    2 ** 31,
    -(2 ** 31),
    2 ** 40,
    -(2 ** 40),
    Number.MAX_VALUE,
  ),
)

const cases = haystacks.chain((haystack) =>
  fc.record({
    haystack: fc.constant(haystack),
    needle: fc.oneof(
      fc.integer({ min: 0, max: 4 }),
      fc.uint8Array({ max: 3, maxLength: 8 }),
      fc
        .tuple(fc.nat({ max: haystack.length }), fc.nat({ max: 600 }))
        .map(([start, length]) => Uint8Array.from(haystack.subarray(start, start + length))),
    ),
    from: froms,
    to: froms,
  }),
)

/** Matches one after the other, by Buffer. */
function naive(haystack: Buffer, needle: Uint8Array | number): number[] {
  const length = typeof needle === 'number' ? 1 : needle.length
  const hits = []
  for (let at = haystack.indexOf(needle); at >= 0; at = haystack.indexOf(needle, at + length)) hits.push(at)
  return hits
}

const same = (one: unknown, two: unknown, what: string) => {
  if (JSON.stringify(one) !== JSON.stringify(two)) throw new Error(`${what}: ${JSON.stringify(one)} instead of ${JSON.stringify(two)}`)
}

test('a search finds what Buffer finds, from any position', async (t) => {
  const path = tempFile(t)
  const property = fc.asyncProperty(cases, async ({ haystack, needle, from, to }) => {
    writeFileSync(path, haystack)
    const mapping = MemoryMappedFile.openRoSync(path)
    same(mapping.indexOf(needle, from), haystack.indexOf(needle, from), 'indexOf')
    same(mapping.lastIndexOf(needle, from), haystack.lastIndexOf(needle, from), 'lastIndexOf')
    same(mapping.includes(needle, from), haystack.indexOf(needle, from) !== -1, 'includes')
    if (typeof needle === 'number' || needle.length > 0) {
      const hits = naive(haystack, needle)
      same(mapping.count(needle), hits.length, 'count')
      same([...mapping.findAll(needle)], hits, 'findAll')
      same(await mapping.search(needle), hits, 'search')
      const index = (position: number | undefined, otherwise: number) =>
        position === undefined || Number.isNaN(position) ? otherwise : position
      const [start, end] = [index(from, 0), index(to, haystack.length)]
      const part = naive(haystack.subarray(start, end), needle)
      const shift = haystack.length - haystack.subarray(start).length
      const options = Object.fromEntries(Object.entries({ from, to }).filter(([, value]) => value !== undefined)) as SearchOptions
      same(
        await mapping.search(needle, options),
        part.map((hit) => hit + shift),
        'search in a part',
      )
    }
    mapping.close()
  })
  await t.notThrowsAsync(fc.assert(property, { numRuns: 400 }))
})

test('needles come in every form', (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, `${'x'.repeat(1000)}größer als 0x2a: *`))
  const bytes = Buffer.from('größer')
  const shared = new SharedArrayBuffer(bytes.length)
  new Uint8Array(shared).set(bytes)
  const whole = new Uint8Array(bytes).buffer
  const forms: Bytes[] = ['größer', bytes, shared, whole, new DataView(whole), new Uint16Array(whole), new Uint8Array(shared)]
  for (const form of forms) {
    t.is(mapping.indexOf(form), 1000)
    t.is(mapping.lastIndexOf(form), 1000)
    t.is(mapping.count(form), 1)
  }
  t.is(mapping.indexOf(new DataView(whole, 2)), 1002)
  t.is(mapping.indexOf(0x2a), mapping.length - 1)
  t.is(mapping.indexOf('*'), mapping.length - 1)
  t.is(mapping.indexOf(0), -1)
  t.is(mapping.indexOf(mapping.asSlice(1003, 5)), 1003, 'a view of the same mapping')
  t.is(mapping.indexOf(mapping.asSlice()), 0)
  t.is(mapping.indexOf(Buffer.alloc(mapping.length + 1, 'x')), -1, 'longer than the mapping')
  const detached = new Uint8Array(4)
  structuredClone(detached, { transfer: [detached.buffer] })
  t.is(mapping.indexOf(detached, 7), 7, 'a detached one has no bytes')
  mapping.close()
})

test('positions are right at and beyond 2 GiB and 4 GiB', async (t) => {
  const path = sparseFile(t, 6 * GiB)
  const mapping = MemoryMappedFile.openRwSync(path)
  const places = [2 ** 31 - 1, 2 ** 31 + 6, 2 ** 32 - 3, 2 ** 32 + 9, 6 * GiB - 6]
  for (const place of places) mapping.updateRegion(place, 'needle')
  for (const place of places) {
    const before = place - 2000
    t.is(mapping.indexOf('needle', place), place)
    t.is(mapping.indexOf('needle', place - 6 * GiB), place, 'negative')
    t.is(mapping.lastIndexOf('needle', place), place)
    t.is(mapping.lastIndexOf('needle', place + 5), place)
    t.is(mapping.lastIndexOf('needle', place - 6 * GiB), place, 'negative')
    t.true(mapping.includes('needle', place))
    t.is(
      (await mapping.search('needle', { from: before, limit: 1 }))[0],
      places.find((other) => other >= before),
    )
    t.deepEqual(await mapping.search('needle', { from: place, to: place + 6 }), [place])
    t.deepEqual(await mapping.search('needle', { from: place, to: place + 5 }), [])
    t.deepEqual(await mapping.search('needle', { from: place - 6 * GiB, limit: 1 }), [place], 'negative')
  }
  // By native code: further away than what is looked at first.
  t.is(mapping.indexOf('needle', 2 ** 31 - 5000), 2 ** 31 - 1)
  t.is(mapping.indexOf('needle', 2 ** 32 - 5000), 2 ** 32 - 3)
  t.is(mapping.lastIndexOf('needle', 2 ** 32 + 5000), 2 ** 32 + 9)
  t.is(mapping.lastIndexOf('needle', 2 ** 31 + 5000), 2 ** 31 + 6)
  t.is(mapping.indexOf('', 5 * GiB), 5 * GiB)
  t.is(mapping.lastIndexOf('', 5 * GiB + 0.7), 5 * GiB)
  mapping.close()
})

test('a window is searched from its first byte to its last', (t) => {
  const path = tempFile(t, `needle${'-'.repeat(5000)}needle`)
  const mapping = MemoryMappedFile.openRoSync(path, { offset: 1, length: 5010 })
  t.is(mapping.indexOf('needle'), -1)
  t.is(mapping.lastIndexOf('needle'), -1)
  t.is(mapping.indexOf('eedle'), 0)
  t.is(mapping.lastIndexOf('needl'), 5005)
  t.is(mapping.count('eedl'), 2)
  mapping.close()
})

test('findAll gives all of many matches, and its length is that of its start', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, 'ab'.repeat(5000)))
  const hits = mapping.findAll('ab')
  mapping.resizeSync(30_000)
  mapping.updateRegion(29_000, 'ab')
  t.deepEqual(
    [...hits],
    Array.from({ length: 5000 }, (_, at) => 2 * at),
  )
  t.is([...mapping.findAll('ab')].length, 5001)
  mapping.close()
})

test('findAll fails at the first step after close', (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, 'aaaa'))
  const hits = mapping.findAll('a')
  t.is(hits.next().value, 0)
  t.is(hits.next().value, 1)
  mapping.close()
  t.throws(() => hits.next(), { code: 'ERR_MMAP_CLOSED' })
  for (const content of ['a', 'aa', 'aaa', 'aaaa']) {
    const atEnd = MemoryMappedFile.openRoSync(tempFile(t, content))
    const each = atEnd.findAll('a')
    for (const _ of content) each.next()
    atEnd.close()
    t.throws(() => each.next(), { code: 'ERR_MMAP_CLOSED' }, `also when nothing is left of ${content}`)
  }
})

test('findAll never ends early after a shrink: it fails', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, 'a'.repeat(10_000)))
  const hits = mapping.findAll('a')
  for (let step = 0; step < 100; step++) hits.next()
  mapping.resizeSync(105)
  const rest = () => [...hits]
  t.throws(rest, { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  const none = mapping.findAll('b')
  mapping.resizeSync(50)
  t.throws(() => none.next(), { code: 'ERR_MMAP_OUT_OF_BOUNDS' }, 'also when no match is left before the cut')
  mapping.close()
})

test('search stops at its limit', async (t) => {
  const mapping = await MemoryMappedFile.openRo(tempFile(t, 'a'.repeat(10_000)))
  t.deepEqual(await mapping.search('a', { limit: 3 }), [0, 1, 2])
  t.deepEqual(await mapping.search('aa', { limit: 2, from: -5 }), [9995, 9997])
  t.is((await mapping.search('a', { limit: 2 ** 53 - 1 })).length, 10_000)
  mapping.close()
})

test('more matches than an array should hold are an error, not the end of the process', async (t) => {
  const mapping = await MemoryMappedFile.openRo(sparseFile(t, 2 ** 24 + 1))
  await t.throwsAsync(mapping.search(0), { instanceOf: MmapIoError, code: 'ERR_MMAP_UNSUPPORTED', message: /findAll/ })
  t.is((await mapping.search(0, { from: 1 })).length, 2 ** 24)
  mapping.close()
})

test('close does not disturb a step that runs', async (t) => {
  const content = pattern(100_000)
  const mapping = await MemoryMappedFile.openRo(tempFile(t, content))
  const searches = [mapping.search(content.subarray(-8)), mapping.search('no such thing')]
  mapping.close()
  t.deepEqual(await Promise.all(searches), [naive(content, content.subarray(-8)), []])
})

test('a needle may change as soon as search has returned', async (t) => {
  const mapping = await MemoryMappedFile.openRo(tempFile(t, `${'-'.repeat(5000)}abc`))
  const needle = Buffer.from('abc')
  const hits = mapping.search(needle)
  const all = mapping.findAll(needle)
  needle.fill(0)
  t.deepEqual(await hits, [5000])
  t.deepEqual([...all], [5000])
  mapping.close()
})

test('an aborted search rejects with the reason of its signal', async (t) => {
  const mapping = await MemoryMappedFile.openRo(tempFile(t, 'abc'))
  const reason = new Error('enough')
  await t.throwsAsync(mapping.search('c', { signal: AbortSignal.abort(reason) }), { is: reason })
  const controller = new AbortController()
  const search = mapping.search('c', { signal: controller.signal })
  controller.abort(reason)
  await t.throwsAsync(search, { is: reason })
  const late = new AbortController()
  t.deepEqual(await mapping.search('c', { signal: late.signal }), [2])
  late.abort()
  mapping.close()
  await t.throwsAsync(mapping.search('c', { signal: AbortSignal.abort() }), { code: 'ERR_MMAP_CLOSED' })
})

test('a signal of any kind that has the parts of one will do, and keeps no listener', async (t) => {
  const mapping = await MemoryMappedFile.openRo(tempFile(t, 'abc'))
  const listeners = new Set<unknown>()
  const signal = {
    aborted: false,
    addEventListener: (_: string, listener: unknown) => listeners.add(listener),
    removeEventListener: (_: string, listener: unknown) => listeners.delete(listener),
  }
  const search = mapping.search('c', { signal: signal as unknown as AbortSignal })
  t.is(listeners.size, 1)
  t.deepEqual(await search, [2])
  t.is(listeners.size, 0)
  mapping.close()
})

test('what a signal throws when its listener is taken back rejects the call, and stops no close', async (t) => {
  const path = tempFile(t, 'abc')
  const mapping = await MemoryMappedFile.openRo(path)
  const reason = new Error('no listener')
  const removeEventListener = () => {
    throw reason
  }
  const signal = { aborted: false, addEventListener() {}, removeEventListener } as unknown as AbortSignal
  await t.throwsAsync(mapping.search('c', { signal }), { is: reason })
  await t.throwsAsync(mapping.touchPages(undefined, { signal }), { is: reason })
  const watcher = mapping.watch(undefined, { signal })
  const view = mapping.asSlice()
  mapping.close()
  t.false(watcher.isActive)
  if (mapping.viewMode !== 'copy') t.is(view[0] ?? 0, 0, 'no byte of the file is seen')
})

test('a search ends soon when it is aborted or its mapping is closed', async (t) => {
  // Searching so much takes minutes, and with one thread in the pool a call that waits for it would, too.
  const program = `${prelude}
    const failed = (promise) => promise.then(() => 'found', (error) => error.code ?? error)
    const mapping = await MemoryMappedFile.openRo(path)
    const controller = new AbortController()
    const aborted = failed(mapping.search('x', { signal: controller.signal }))
    setTimeout(() => controller.abort('enough'), 10)
    const reason = await aborted
    await mapping.evict(0, 1)
    const closed = failed(mapping.search('x'))
    setTimeout(() => mapping.close(), 10)
    print([reason, await closed])`
  const { stdout, stderr } = await run(program, [sparseFile(t, 2 ** 40)], [], { UV_THREADPOOL_SIZE: '1' })
  t.is(stdout, '["enough","ERR_MMAP_CLOSED"]\n', stderr)
})

test('a search of many steps finds what one step would', async (t) => {
  const mapping = MemoryMappedFile.openRwSync(sparseFile(t, GiB))
  const places: number[] = []
  for (let at = 5; at < GiB - 7; at += 2 ** 24 + 12_345) places.push(at)
  for (const at of places) mapping.updateRegion(at, 'needle!')
  t.deepEqual(await mapping.search('needle!'), places)
  t.deepEqual(await mapping.search('needle!', { limit: 30, from: 6 }), places.slice(1, 31))
  mapping.close()
})

test('an empty needle is found at every position, and refused where matches are counted', async (t) => {
  const mapping = await MemoryMappedFile.openRo(tempFile(t, 'abc'))
  const empty = await MemoryMappedFile.openRo(tempFile(t))
  for (const from of [undefined, 0, 1, 3, 4, -1, -3, -4, Number.NaN]) {
    t.is(mapping.indexOf('', from), Buffer.from('abc').indexOf('', from), `indexOf ${from}`)
    t.is(mapping.lastIndexOf('', from), Buffer.from('abc').lastIndexOf('', from), `lastIndexOf ${from}`)
    t.is(empty.indexOf('', from), 0)
    t.is(empty.lastIndexOf('', from), 0)
    t.is(empty.indexOf('a', from), -1)
    t.is(empty.lastIndexOf(0, from), -1)
  }
  for (const mapped of [mapping, empty]) {
    for (const needle of ['', Buffer.alloc(0), new ArrayBuffer(0)]) {
      t.is(await outcome(() => mapped.count(needle)), 'ERR_OUT_OF_RANGE')
      t.is(await outcome(() => mapped.findAll(needle)), 'ERR_OUT_OF_RANGE')
      t.is(await outcome(() => mapped.search(needle)), 'ERR_OUT_OF_RANGE')
    }
  }
  t.is(empty.count('a'), 0)
  t.deepEqual([...empty.findAll('a')], [])
  t.deepEqual(await empty.search('a'), [])
  empty.close()
  mapping.close()
})

test('bytes that others store while they are searched harm nothing', async (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, Buffer.alloc(4_000_000, 'ab')))
  const searches = Promise.all(Array.from({ length: 4 }, () => mapping.search('abab', { limit: 100_000 })))
  const view = mapping.asSlice()
  for (let round = 0; round < 20; round++) view.fill(round % 2 ? 'ab' : 'ba')
  for (const hits of await searches) {
    t.true(hits.every((hit, at) => hit + 4 <= mapping.length && (at === 0 || hit >= (hits[at - 1] as number) + 4)))
  }
  mapping.close()
})

test('a worker that is terminated and a process that exits while they search take nothing down', async (t) => {
  const worker = `
    import { parentPort, workerData } from 'node:worker_threads'
    import { MemoryMappedFile } from '#mmap-io'
    const mapping = MemoryMappedFile.openRoSync(workerData)
    for (let at = 0; at < 6; at++) mapping.search('x', { signal: AbortSignal.timeout(100_000) })
    mapping.search(0)
    parentPort.postMessage('searching')`
  const program = `${prelude}
    const { Worker } = await import('node:worker_threads')
    const { once } = await import('node:events')
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(${JSON.stringify(worker)}, { eval: true, workerData: path })
      await once(worker, 'message')
      await worker.terminate()
    }
    MemoryMappedFile.openRoSync(path).search('x')
    print('still here')
    process.exit(3)`
  const { code, signal, stdout, stderr } = await run(program, [sparseFile(t, 2 ** 26)])
  t.deepEqual({ code, signal, stdout }, { code: 3, signal: null, stdout: '"still here"\n' }, stderr)
})
