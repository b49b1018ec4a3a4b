/** What a flush asks of the kernel: no less, and no more. */
import { tmpdir } from 'node:os'
import { basename, dirname } from 'node:path'
import { pageSize } from '#mmap-io'
import { pattern, tempFile } from '../support/files.ts'
import { traced, withStrace } from '../support/strace.ts'

const page = pageSize()

withStrace('a flush is one msync(MS_SYNC) of the whole mapping, on the pool or not', (t) => {
  const program = `
    const mapping = MemoryMappedFile.openRwSync(path)
    mapping.updateRegion(5, 'x')
    mark('flush')
    await mapping.flush()
    mark('flushSync')
    mapping.flushSync()
    mark('end')
    print(mapping.length)`
  const { syncs, printed } = traced(t, program, tempFile(t, pattern(10 * page + 7)))
  t.is(printed, 10 * page + 7)
  for (const part of ['flush', 'flushSync']) {
    t.like(syncs[part], { length: 1, 0: { call: 'msync', length: 10 * page + 7, flags: 'MS_SYNC' } })
  }
  t.deepEqual(syncs.end, [])
})

withStrace('flushRange syncs the pages of its range and no others', (t) => {
  const program = `
    const mapping = MemoryMappedFile.openRwSync(path)
    mark('whole')
    mapping.flushSync()
    mark('range')
    await mapping.flushRange(2 * pageSize() + 100, pageSize())
    mark('twin')
    mapping.flushRangeSync(2 * pageSize() + 100, pageSize())
    mark('nothing')
    mapping.flushRangeSync(5, 0)
    mark('end')
    print('')`
  const { syncs } = traced(t, program, tempFile(t, pattern(10 * page)))
  const base = syncs.whole?.[0]?.address ?? 0
  for (const part of ['range', 'twin']) {
    t.like(syncs[part], { length: 1, 0: { call: 'msync', address: base + 2 * page, length: page + 100, flags: 'MS_SYNC' } })
  }
  t.deepEqual(syncs.nothing, [])
})

withStrace('a flush of a window syncs the pages of the window', (t) => {
  const program = `
    const mapping = MemoryMappedFile.openRwSync(path, { offset: pageSize() + 10, length: 20 })
    mark('flush')
    mapping.flushSync()
    mark('end')
    print('')`
  const { syncs } = traced(t, program, tempFile(t, pattern(10 * page)))
  t.is(syncs.flush?.length, 1)
  t.is((syncs.flush?.[0]?.address ?? 1) % page, 0)
  t.is(syncs.flush?.[0]?.length, 30)
})

withStrace('nothing is synced where nothing is mapped for writing to a file', (t) => {
  const program = `
    const opened = [MemoryMappedFile.openRoSync(path), MemoryMappedFile.openCowSync(path), MemoryMappedFile.anonymous(10000)]
    const closing = [MemoryMappedFile.openRoSync(path), MemoryMappedFile.openCowSync(path)]
    mark('flush')
    for (const mapping of opened) {
      if (mapping.mode !== 'read-only') mapping.updateRegion(0, 'x')
      await mapping.flush()
      mapping.flushSync()
      await mapping.flushRange(0, 5)
      mapping.flushRangeSync(0, 5)
    }
    for (const mapping of closing) await mapping[Symbol.asyncDispose]()
    mark('end')
    print('')`
  t.deepEqual(traced(t, program, tempFile(t, pattern(100))).syncs.flush, [])
})

withStrace('close does not flush, asyncDispose does, before it closes', (t) => {
  const program = `
    const mapping = MemoryMappedFile.openRwSync(path)
    mapping.updateRegion(0, 'x')
    mark('close')
    mapping.close()
    mark('dispose')
    await MemoryMappedFile.openRwSync(path)[Symbol.asyncDispose]()
    mark('end')
    print('')`
  const { syncs } = traced(t, program, tempFile(t, pattern(100)))
  t.deepEqual(syncs.close, [])
  t.like(syncs.dispose, { length: 1, 0: { call: 'msync', length: 100, flags: 'MS_SYNC' } })
})

withStrace('the first flush of a new file brings its name to the device, later ones do not', (t) => {
  const program = `
    const mapping = MemoryMappedFile.createRwSync(path + '.new', 100)
    mark('first')
    mapping.flushSync()
    mark('second')
    mapping.flushSync()
    mark('end')
    print('')`
  const path = tempFile(t)
  t.true(dirname(path).startsWith(tmpdir()), basename(path))
  const { syncs } = traced(t, program, path)
  t.deepEqual(
    syncs.first?.map(({ call }) => call),
    ['msync', 'fsync'],
  )
  t.deepEqual(
    syncs.second?.map(({ call }) => call),
    ['msync'],
  )
})

withStrace('what is stored while a flush runs stays pending', (t) => {
  const program = `
    const mapping = MemoryMappedFile.openRwSync(path)
    mapping.updateRegion(0, 'before')
    mark('flush')
    const flushed = mapping.flush()
    while (!fs.readFileSync(log, 'utf8').includes('msync(')) mark('waiting')
    mapping.updateRegion(0, 'while')
    await flushed
    print(mapping.pendingBytes)`
  const { printed } = traced(t, program, tempFile(t, pattern(100)), ['msync:delay_enter=500000'])
  t.is(printed, 5)
})

withStrace('a write of no bytes is no write', (t) => {
  const program = `
    for (const [name, flushPolicy] of Object.entries({ always: 'always', everyWrites: { everyWrites: 1 } })) {
      const mapping = MemoryMappedFile.openRwSync(path, { flushPolicy })
      mark(name)
      mapping.updateRegion(5, '')
      mapping.asSliceMut(5, 0).release()
    }
    print('')`
  t.deepEqual(traced(t, program, tempFile(t, pattern(100))).syncs, { always: [], everyWrites: [] })
})

const writes = "for (let i = 0; i < 20; i++) mapping.updateRegion(i * 10, 'x'.repeat(10))"

for (const [flushPolicy, expected] of [
  ['"never"', 0],
  ['"manual"', 0],
  ['"always"', 20],
  ['{ everyWrites: 3 }', 6],
  ['{ everyBytes: 50 }', 4],
  ['{ everyBytes: 55 }', 3],
  ['{ everyBytes: 1 }', 20],
] as const) {
  withStrace(`20 writes of 10 bytes are ${expected} syncs with the policy ${flushPolicy}`, (t) => {
    const program = `
      const mapping = MemoryMappedFile.openRwSync(path, { flushPolicy: ${flushPolicy} })
      mark('writes')
      ${writes}
      mark('end')
      print(mapping.pendingBytes)`
    const { syncs, printed } = traced(t, program, tempFile(t, pattern(1000)))
    t.is(syncs.writes?.length, expected)
    const unsynced = { '"never"': 200, '"manual"': 200, '{ everyWrites: 3 }': 20, '{ everyBytes: 55 }': 20 }
    t.is(printed, (unsynced as Record<string, number>)[flushPolicy] ?? 0)
  })
}
