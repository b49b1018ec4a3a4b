/** Which changes of a file are told, with real files and real tools. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  closeSync,
  copyFileSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type ChangeEvent, MemoryMappedFile, MmapIoError, pageSize, type WatchOptions } from '#mmap-io'
import { Changes, metadata, modified, removed, replaced } from './support/changes.ts'
import { prelude, run } from './support/child.ts'
import { onLinux, onUnix } from './support/conditions.ts'
import { pattern, sparseFile, tempFile, tempFolder } from './support/files.ts'

function watched(t: ExecutionContext, path: string, options?: WatchOptions): Changes {
  const mapping = MemoryMappedFile.openRoSync(path)
  t.teardown(() => mapping.close())
  return new Changes(t, mapping.watch(undefined, options))
}

/** A new file beside another, and its name then the other's. */
function replace(path: string, content: string): void {
  writeFileSync(`${path}.new`, content)
  renameSync(`${path}.new`, path)
}

const shell = (command: string, path: string) =>
  execFileSync('sh', ['-ec', command], { cwd: dirname(path), env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null' }, stdio: 'ignore' })
const has = (tool: string) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0

/** A change, and what is told of it: that, in that order, and nothing else. */
interface Case {
  /** What comes before the watch. */
  prepare?: (path: string) => void
  act: (path: string) => void
  told: ChangeEvent[]
  /** A program that must be there. */
  needs?: string
}

// What inotify tells; docs/watching.md has the other systems.
const cases: Record<string, Case> = {
  'append to it': { act: (path) => appendFileSync(path, 'more'), told: [modified] },
  'overwrite it': { act: (path) => writeFileSync(path, 'other'), told: [modified] },
  'overwrite a byte of it': {
    act: (path) => {
      const fd = openSync(path, 'r+')
      writeSync(fd, 'x', 1)
      closeSync(fd)
    },
    told: [modified],
  },
  'cut it': { act: (path) => truncateSync(path, 3), told: [modified] },
  'make it longer': { act: (path) => truncateSync(path, 10_000), told: [modified] },
  'write it 1,000 times': {
    act: (path) => {
      for (let i = 0; i < 1000; i++) writeFileSync(path, String(i))
    },
    told: [modified],
  },
  'change its permissions': { act: (path) => chmodSync(path, 0o600), told: [metadata] },
  'change its times': { act: (path) => utimesSync(path, 1, 1), told: [metadata] },
  'read it, and open it to write and write nothing': {
    act: (path) => {
      readFileSync(path)
      closeSync(openSync(path, 'r+'))
    },
    told: [],
  },
  'rename another over it': { act: (path) => replace(path, 'new'), told: [replaced] },
  'rename it away and back': {
    act: (path) => {
      renameSync(path, `${path}.away`)
      renameSync(`${path}.away`, path)
    },
    told: [removed, replaced],
  },
  'remove it and create it again': {
    act: (path) => {
      unlinkSync(path)
      writeFileSync(path, 'again')
    },
    told: [removed, replaced, modified],
  },
  'change others in the folder': {
    act: (path) => {
      for (const other of [`${path}2`, join(dirname(path), 'FILE.BIN')]) {
        writeFileSync(other, 'x')
        chmodSync(other, 0o600)
        renameSync(other, `${other}.away`)
        unlinkSync(`${other}.away`)
      }
    },
    told: [],
  },
  'save it as editors do: a backup, a new file, synced and renamed over it': {
    act: (path) => {
      copyFileSync(path, `${path}~`)
      const fd = openSync(`${path}.swp`, 'w')
      writeSync(fd, 'edited')
      fsyncSync(fd)
      closeSync(fd)
      renameSync(`${path}.swp`, path)
      unlinkSync(`${path}~`)
    },
    told: [replaced],
  },
  'touch it': { act: (path) => shell('touch file.bin', path), told: [metadata] },
  'touch -m it: to set the time of modification alone looks like a write': {
    act: (path) => shell('touch -m file.bin', path),
    told: [modified],
  },
  'cp another over it': { act: (path) => shell('echo new > other; cp other file.bin', path), told: [modified] },
  'mv another over it': { act: (path) => shell('echo new > other; mv other file.bin', path), told: [replaced] },
  'sed -i': { act: (path) => shell('sed -i s/c/x/ file.bin', path), told: [replaced] },
  'vim, which renames the old file to its backup': {
    needs: 'vim',
    act: (path) => shell('vim -u NONE -es -c "set backup backupcopy=no backupskip= backupdir=." -c "s/c/x/" -c wq file.bin', path),
    // At last it gives the new file the access rights of the old one.
    told: [removed, replaced, modified, metadata],
  },
  'ed, which writes in place': { needs: 'ed', act: (path) => shell('printf "s/c/x/\\nw\\nq\\n" | ed -s file.bin', path), told: [modified] },
  'rsync over it': {
    needs: 'rsync',
    act: (path) => shell('mkdir from; echo newer > from/file.bin; rsync -t from/file.bin .', path),
    told: [replaced],
  },
  'rsync --inplace over it': {
    needs: 'rsync',
    act: (path) => shell('mkdir from; echo newer > from/file.bin; rsync --inplace from/file.bin .', path),
    told: [modified],
  },
  'git checkout of another version': {
    needs: 'git',
    prepare: (path) =>
      shell(
        'git init -q; git config user.email a@b.example; git config user.name A; git add file.bin; git commit -qm 1; echo 2 > file.bin; git commit -qam 2',
        path,
      ),
    act: (path) => shell('git checkout -q HEAD~1', path),
    told: [removed, replaced, modified],
  },
}

for (const [title, { prepare, act, told, needs }] of Object.entries(cases)) {
  const on = needs !== undefined && !has(needs) ? test.skip : onLinux
  on(`to ${title} is told as ${told.map(({ kind, replaced }) => (replaced ? 'replaced' : kind)).join(', ') || 'nothing'}`, async (t) => {
    const path = tempFile(t, 'content\n')
    prepare?.(path)
    const changes = watched(t, path)
    act(path)
    await changes.areAll(path, ...told)
  })
}

test('a file that is written is told as modified', async (t) => {
  const path = tempFile(t, 'content')
  const changes = watched(t, path)
  appendFileSync(path, 'more')
  await changes.are(modified)
})

onUnix('a file that is replaced goes on being watched', async (t) => {
  const path = tempFile(t, 'content')
  const changes = watched(t, path)
  for (let round = 0; round < 20; round++) {
    changes.told.length = 0
    replace(path, `round ${round}`)
    await changes.until(() => changes.told.some((event) => event.replaced))
  }
  changes.told.length = 0
  appendFileSync(path, 'more')
  await changes.are(modified)
})

onUnix('a file that is removed while it is mapped is told at once, and a second later the watcher closes', async (t) => {
  const path = tempFile(t, 'content')
  const mapping = MemoryMappedFile.openRoSync(path)
  const watcher = mapping.watch()
  const changes = new Changes(t, watcher)
  unlinkSync(path)
  await changes.areLast(removed)
  t.false(watcher.isActive)
  t.is(mapping.asSlice().toString(), 'content')
  mapping.close()
})

test('a file that is renamed away ends the watch', async (t) => {
  const path = tempFile(t, 'content')
  const changes = watched(t, path)
  renameSync(path, `${path}.away`)
  await changes.areLast(removed)
})

onUnix('a folder that vanishes and comes back with its file', async (t) => {
  const path = join(tempFolder(t), 'folder', 'file.bin')
  mkdirSync(dirname(path))
  writeFileSync(path, 'content')
  const changes = watched(t, path)
  rmSync(dirname(path), { recursive: true })
  mkdirSync(dirname(path))
  writeFileSync(path, 'again')
  await changes.until(() => changes.told.some((event) => event.replaced))
  changes.told.length = 0
  appendFileSync(path, 'more')
  await changes.are(modified)
})

onUnix('a link that is switched to another file, as deployments do', async (t) => {
  const folder = tempFolder(t)
  for (const release of ['one', 'two']) {
    mkdirSync(join(folder, release))
    writeFileSync(join(folder, release, 'file.bin'), release)
  }
  symlinkSync('one', join(folder, 'current'))
  const path = join(folder, 'current', 'file.bin')
  const changes = watched(t, path)
  appendFileSync(join(folder, 'one', 'file.bin'), 'more')
  await changes.are(modified)
  symlinkSync('two', join(folder, 'next'))
  renameSync(join(folder, 'next'), join(folder, 'current'))
  await changes.are(modified, replaced)
  replace(join(folder, 'two', 'file.bin'), 'new')
  await changes.until(() => changes.told.length >= 2)
  t.is(readFileSync(path, 'utf8'), 'new')
})

test('a relative path is that of the moment of opening', async (t) => {
  const path = tempFile(t, 'content')
  const source = `${prelude}
    process.chdir(${JSON.stringify(dirname(path))})
    const mapping = MemoryMappedFile.openRoSync('file.bin')
    process.chdir('..')
    const watcher = mapping.watch((event) => { print(event); watcher.close() })
    fs.appendFileSync(${JSON.stringify(path)}, 'more')`
  const { code, stdout, stderr } = await run(source)
  t.is(code, 0, stderr)
  t.deepEqual(JSON.parse(stdout), modified)
  const near = MemoryMappedFile.openRoSync(relative(process.cwd(), path))
  t.notThrows(() => near.watch().close())
  near.close()
})

onUnix('a file that was replaced before it was watched is told at once', async (t) => {
  const path = tempFile(t, 'content')
  const mapping = MemoryMappedFile.openRoSync(path)
  replace(path, 'new')
  const changes = new Changes(t, mapping.watch())
  await changes.are(replaced)
  mapping.close()
})

test('another process sees changes of this one, and this one those of another', async (t) => {
  const path = tempFile(t, 'content')
  const answer = `${path}.answer`
  writeFileSync(answer, '')
  const source = `${prelude}
    const mapping = MemoryMappedFile.openRoSync(path)
    const watcher = mapping.watch((event) => { print(event); watcher.close() })
    fs.appendFileSync(path + '.answer', 'ready')`
  const answers = watched(t, answer)
  const ended = run(source, [path])
  await answers.are(modified)
  appendFileSync(path, 'more')
  const { code, stdout, stderr } = await ended
  t.is(code, 0, stderr)
  t.deepEqual(JSON.parse(stdout), modified)
})

onUnix('500 watches in one folder tell each its own', async (t) => {
  const folder = tempFolder(t)
  const paths = Array.from({ length: 500 }, (_, number) => join(folder, `${number}.bin`))
  for (const path of paths) writeFileSync(path, 'content')
  const all = paths.map((path) => watched(t, path))
  for (const path of paths) replace(path, 'new')
  await Promise.all(all.map((changes) => changes.until(() => changes.told.some((event) => event.replaced))))
  appendFileSync(paths[250] as string, 'more')
  const [, told] = [all[249], all[250]]
  await told?.until(() => told.told.at(-1)?.replaced === undefined)
  for (const changes of all) t.true(changes.told.every(({ kind }) => kind === 'modified'))
})

onLinux('a file among 10,000 that change', async (t) => {
  const folder = tempFolder(t)
  for (let number = 0; number < 10_000; number++) writeFileSync(join(folder, String(number)), '')
  const path = join(folder, '5000')
  const changes = watched(t, path)
  for (let number = 0; number < 10_000; number++) if (number !== 5000) writeFileSync(join(folder, String(number)), 'x')
  await changes.areAll(path)
})

onLinux('a store through a mapping is not told, and pollMs finds it, of whatever process', async (t) => {
  const length = 20 * pageSize()
  const path = tempFile(t, pattern(length))
  const unheard = [watched(t, path), watched(t, path, { pollMs: 0 })]
  const polled = watched(t, path, { pollMs: 5 })
  const store = (offset: number, text: string) =>
    run(
      `${prelude}
      const mapping = MemoryMappedFile.openRwSync(path)
      mapping.updateRegion(${offset}, ${JSON.stringify(text)})
      mapping.flushSync()
      mapping.close()`,
      [path],
    )
  await store(5 * pageSize() + 7, 'stored')
  await polled.are({ kind: 'modified', offset: 5 * pageSize(), length: pageSize() })
  await store(11 * pageSize() - 1, 'two pages')
  await polled.are(
    { kind: 'modified', offset: 5 * pageSize(), length: pageSize() },
    { kind: 'modified', offset: 10 * pageSize(), length: 2 * pageSize() },
  )
  chmodSync(path, 0o640)
  for (const changes of unheard) await changes.are(metadata)
})

test('pollMs counts from the start of the window', async (t) => {
  const path = tempFile(t, pattern(10 * pageSize()))
  const offset = 3 * pageSize() + 100
  const mapping = MemoryMappedFile.openRoSync(path, { offset, length: 2 * pageSize() })
  const changes = new Changes(t, mapping.watch(undefined, { pollMs: 5, pollAll: true }))
  const writer = MemoryMappedFile.openRwSync(path)
  // Before the window, in its first page.
  writer.updateRegion(offset - 1, Buffer.of(0xff))
  writer.updateRegion(offset, Buffer.of(0xfe))
  await changes.are({ kind: 'modified', offset: 0, length: pageSize() - 100 })
  writer.updateRegion(offset + 2 * pageSize() - 1, Buffer.of(0xfe))
  await changes.are(
    { kind: 'modified', offset: 0, length: pageSize() - 100 },
    { kind: 'modified', offset: 2 * pageSize() - 100, length: 100 },
  )
  writer.close()
  mapping.close()
})

onLinux('pollMs finds a page that was not in memory before a store brought it there', async (t) => {
  const path = sparseFile(t, 64 << 20)
  const changes = watched(t, path, { pollMs: 5 })
  // Above 8 MiB the first comparison runs on a thread of its own; a change of the file's time tells that it is due.
  const writer = MemoryMappedFile.openRwSync(path)
  const offset = 1000 * pageSize()
  await changes.until(() => {
    if (changes.told.length === 0) writer.updateRegion(offset, String(Math.random()))
    setTimeout(() => {}, 1)
    return changes.told.length > 0
  })
  const { offset: start = Number.NaN, length = Number.NaN } = changes.told[0] ?? {}
  t.true(start <= offset && start + length >= offset + pageSize())
  writer.close()
})

test('what cannot be watched is told with the reason', (t) => {
  const path = tempFile(t, 'content')
  const fd = openSync(path, 'r')
  const ofFd = MemoryMappedFile.fromFdSync(fd)
  closeSync(fd)
  const unsupported = t.throws(() => ofFd.watch(), { instanceOf: MmapIoError })
  t.is((unsupported as MmapIoError).kind, 'Unsupported')
  t.regex(unsupported.message, /opened by its path.*descriptor/)
  ofFd.close()
  const memory = MemoryMappedFile.anonymous(1)
  t.throws(() => memory.watch(), { message: /opened by its path.*anonymous/ })
  memory.close()

  const mapping = MemoryMappedFile.openRoSync(path)
  renameSync(path, `${path}.away`)
  const gone = t.throws<MmapIoError>(() => mapping.watch(), { instanceOf: MmapIoError })
  t.like(gone, { kind: 'WatchFailed', code: 'ENOENT', syscall: 'stat', path })
  t.regex(gone.message, /names no file any more/)
  mapping.close()
})
