/** The `inspect` command, driven as a process. */
import { execFileSync } from 'node:child_process'
import fs, { statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { pageSize } from '#mmap-io'
import { cli, commandName, nobody, noOtherUser, root } from '../support/cli.ts'
import { onLinux, onUnix } from '../support/conditions.ts'
import { pattern, sparseFile, tempFile, tempFolder } from '../support/files.ts'

const GIB = 2 ** 30
const node = process.execPath
const lockFile = join(root, 'package-lock.json')

const asNobody = noOtherUser === undefined ? test : (title: string, _: unknown) => test.skip(`${title} (${noOtherUser})`, (t) => t.fail())

/** The values behind a label: its line and the lines below that have none. */
function values(output: string, label: string): string[] {
  const lines = output.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`  ${label} `))
  if (start < 0) return []
  const more = lines.slice(start + 1)
  const end = more.findIndex((line) => !line.startsWith(' '.repeat(15)))
  return [lines[start] as string, ...more.slice(0, end)].map((line) => line.slice(15))
}

interface FileObject {
  path: string
  size: number
  type: string
  mode: string
  fileSystem: string
  allocatedBytes: number
  sparse: boolean
  pageSize: number
  residency: { pages: number; residentPages: number; residentBytes: number } | null
  residencyUnknown?: string
  head: string
}

async function inspectAsJson(...args: string[]): Promise<FileObject[]> {
  return JSON.parse((await cli(['inspect', '--json', ...args])).stdout)
}

/** A file whose first half was written just now, so that it is in memory, and whose second half never was there. */
function halfWritten(path: string, pages: number): void {
  writeFileSync(path, Buffer.alloc((pages / 2) * pageSize(), 'x'))
  truncateSync(path, pages * pageSize())
}

test('a file is shown with aligned labels, a picture and a hex dump', async (t) => {
  const path = tempFile(t, 'Hello, world!\n\0\u001b[31m\u00fc and some more bytes for a second line')
  const size = statSync(path).size
  const { code, stdout, stderr } = await cli(['inspect', path])
  t.is(stderr, '')
  t.is(code, 0)
  const lines = stdout.split('\n')
  t.is(lines[0], path)
  t.deepEqual(
    lines.slice(1, 10).map((line) => line.slice(0, 15).trim()),
    ['size', 'type', 'mode', 'file system', 'storage', 'page size', 'residency', '', 'first bytes'],
  )
  t.deepEqual(values(stdout, 'size'), [`${size} bytes`])
  t.deepEqual(values(stdout, 'type'), ['data'])
  t.deepEqual(lines.slice(10), [
    '    0000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 21 0a 00 1b  |Hello, world!...|',
    '    0010  5b 33 31 6d c3 bc 20 61  6e 64 20 73 6f 6d 65 20  |[31m.. and some |',
    '    0020  6d 6f 72 65 20 62 79 74  65 73 20 66 6f 72 20 61  |more bytes for a|',
    '    0030  20 73 65 63 6f 6e 64 20  6c 69 6e 65              | second line|',
    '',
  ])
})

onUnix('a file that was just written is in memory as a whole', async (t) => {
  const path = tempFile(t, pattern(3 * pageSize() + 1))
  const { stdout } = await cli(['inspect', path])
  const bytes = `${((3 * pageSize() + 1) / 1024).toFixed(1)} KiB`
  t.deepEqual(values(stdout, 'residency'), [`100 %, ${bytes} of ${bytes}, 4 of 4 pages`, '████'])
  const [file] = await inspectAsJson(path)
  t.deepEqual(file?.residency, { pages: 4, residentPages: 4, residentBytes: 3 * pageSize() + 1 })
})

onLinux('the picture shows which parts are in memory, as they were before the file was read', async (t) => {
  const path = join(tempFolder(t), 'half')
  halfWritten(path, 256)
  const { stdout } = await cli(['inspect', path])
  const [numbers, picture] = values(stdout, 'residency')
  t.true(numbers?.startsWith('50.0 %, '), numbers)
  t.true(numbers?.endsWith(', 128 of 256 pages'), numbers)
  t.is(picture, '█'.repeat(32) + '·'.repeat(32))
})

onLinux('a cell of the picture is shaded by the share of its pages that are in memory', async (t) => {
  const path = sparseFile(t, 64 * 4 * pageSize())
  const file = fs.openSync(path, 'r+')
  const page = Buffer.alloc(pageSize(), 'x')
  // The cells have 0, 1, 2, 3, 4, 0, 1, ... of their 4 pages.
  for (let cell = 0; cell < 64; cell++) {
    for (let index = 0; index < cell % 5; index++) fs.writeSync(file, page, 0, page.length, (cell * 4 + index) * page.length)
  }
  fs.closeSync(file)
  const { stdout } = await cli(['inspect', path])
  t.is(values(stdout, 'residency')[1], '·░▒▓█'.repeat(13).slice(0, 64))
})

onLinux('a picture has one cell a page where there are fewer than 64', async (t) => {
  const path = join(tempFolder(t), 'few')
  halfWritten(path, 10)
  t.is(values((await cli(['inspect', path])).stdout, 'residency')[1], '█████·····')
})

test('the Node binary is told to be a program', async (t) => {
  const { code, stdout, stderr } = await cli(['inspect', node])
  t.is(stderr, '')
  t.is(code, 0)
  const { size } = statSync(node)
  t.deepEqual(values(stdout, 'size'), [`${(size / 2 ** 20).toPrecision(3)} MiB (${size.toLocaleString('en-US')} bytes)`])
  t.regex(values(stdout, 'type')[0] ?? '', /^application\/x-(elf|mach-binary|msdownload)$/)
  t.deepEqual(values(stdout, 'page size'), [`${(pageSize() / 1024).toPrecision(3)} KiB (${pageSize().toLocaleString('en-US')} bytes)`])
})

test('--json prints the numbers that fs.stat tells and the first 64 bytes', async (t) => {
  for (const path of [lockFile, node]) {
    const stat = statSync(path)
    const [file, ...others] = await inspectAsJson(path)
    t.deepEqual(others, [])
    t.is(file?.path, path)
    t.is(file?.size, stat.size)
    t.is(file?.allocatedBytes, stat.blocks * 512)
    t.is(file?.sparse, stat.blocks * 512 < stat.size)
    t.is(file?.pageSize, pageSize())
    const head = Buffer.alloc(64)
    const descriptor = fs.openSync(path, 'r')
    fs.readSync(descriptor, head)
    fs.closeSync(descriptor)
    t.is(file?.head, head.toString('hex'))
    t.false('residencyUnknown' in (file ?? {}))
    const { pages = 0, residentPages = 0, residentBytes = 0 } = file?.residency ?? {}
    t.is(pages, Math.ceil(stat.size / pageSize()))
    t.true(residentPages <= pages && residentBytes <= residentPages * pageSize() && residentBytes > (residentPages - 1) * pageSize())
  }
})

test('--json has these fields, and no map', async (t) => {
  const [file] = await inspectAsJson(lockFile)
  const fields = ['path', 'size', 'type', 'mode', 'fileSystem', 'allocatedBytes', 'sparse', 'pageSize', 'residency', 'head']
  t.deepEqual(Object.keys(file ?? {}), fields)
  t.deepEqual(Object.keys(file?.residency ?? {}), ['pages', 'residentPages', 'residentBytes'])
})

onUnix('mode bits are those that ls shows', async (t) => {
  const path = tempFile(t)
  for (const mode of [0o644, 0o000, 0o777, 0o4755, 0o2750, 0o1777, 0o7644, 0o421]) {
    fs.chmodSync(path, mode)
    // Without the mark that ls puts behind it for an access control list.
    const expected = execFileSync('ls', ['-l', path], { encoding: 'utf8' }).slice(0, 10)
    const { code, stdout } = await cli(['inspect', path])
    if (code === 0) t.deepEqual(values(stdout, 'mode'), [expected])
    // Who is not root may not open it.
    else t.is(mode & 0o400, 0)
  }
})

onLinux('the file system has its name', async (t) => {
  const type = execFileSync('stat', ['--file-system', '--format', '%T', lockFile], { encoding: 'utf8' }).trim()
  const names: Record<string, string> = { 'ext2/ext3': 'ext4', overlayfs: 'overlay', fuseblk: 'fuse', v9fs: '9p' }
  t.is((await inspectAsJson(lockFile))[0]?.fileSystem, names[type] ?? type)
})

test('a sparse file of 6 GiB is told to be one, and takes no more memory than a small one', async (t) => {
  const path = sparseFile(t, 6 * GIB)
  // The peak in KiB.
  const flags = ['--import', 'data:text/javascript,process.on("exit",()=>console.error(process.resourceUsage().maxRSS))']
  const [large, small] = [await cli(['inspect', path], { flags }), await cli(['inspect', tempFile(t, 'x')], { flags })]
  t.is(large.code, 0, large.stderr)
  t.true(Number(large.stderr) - Number(small.stderr) < 32 * 1024, `${large.stderr} KiB instead of ${small.stderr}`)
  t.deepEqual(values(large.stdout, 'size'), ['6.00 GiB (6,442,450,944 bytes)'])
  t.deepEqual(values(large.stdout, 'type'), ['data'])
  if (statSync(path).blocks === 0)
    t.regex(values(large.stdout, 'storage')[0] ?? '', /^sparse(?: or compressed)?: 0 B of 6\.00 GiB allocated$/)
})

onLinux('nothing of a sparse file of 6 GiB is in memory but what was written', async (t) => {
  const path = sparseFile(t, 6 * GIB)
  const pages = (6 * GIB) / pageSize()
  const total = pages.toLocaleString('en-US')
  const untouched = await cli(['inspect', path])
  t.deepEqual(values(untouched.stdout, 'residency'), [`0 %, 0 B of 6.00 GiB, 0 of ${total} pages`, '·'.repeat(64)])
  // Looking at it has loaded its beginning; this one is new.
  const written = sparseFile(t, 6 * GIB)
  const file = fs.openSync(written, 'r+')
  fs.writeSync(file, Buffer.alloc(pageSize(), 'x'), 0, pageSize(), 4.5 * GIB)
  fs.closeSync(file)
  const { stdout } = await cli(['inspect', written])
  const bytes = `${(pageSize() / 1024).toPrecision(3)} KiB`
  t.deepEqual(values(stdout, 'residency'), [`<0.1 %, ${bytes} of 6.00 GiB, 1 of ${total} pages`, `${'·'.repeat(48)}░${'·'.repeat(15)}`])
})

test('an empty file has nothing to load and no first bytes', async (t) => {
  const path = tempFile(t)
  const { code, stdout, stderr } = await cli(['inspect', path])
  t.is(stderr, '')
  t.is(code, 0)
  t.deepEqual(values(stdout, 'size'), ['0 bytes'])
  t.deepEqual(values(stdout, 'type'), ['empty'])
  t.deepEqual(values(stdout, 'residency'), ['nothing to load'])
  t.false(stdout.includes('first bytes'))
  const [file] = await inspectAsJson(path)
  t.deepEqual(file?.residency, { pages: 0, residentPages: 0, residentBytes: 0 })
  t.is(file?.head, '')
})

const contents: [title: string, content: string | Buffer, type: string][] = [
  ['words', 'Stra\u00dfe \u2192 \u{1f600}\r\n\ttab\n', 'text, UTF-8'],
  ['an escape sequence', 'red \u001b[31m text', 'data'],
  ['a byte that UTF-8 does not have', Buffer.from([0x61, 0xff, 0x62]), 'data'],
  ['a character that the file cuts in two', Buffer.from('caf\u00e9').subarray(0, -1), 'data'],
  ['long text, a character of which lies across the end of the sample', `${'a'.repeat(2 ** 16 - 1)}\u00e9 and so on`, 'text, UTF-8'],
  ['text that begins as a bitmap does', 'BMW is a car\n', 'text, UTF-8'],
  ['a bitmap', Buffer.concat([Buffer.from('BM'), Buffer.alloc(100)]), 'image/bmp'],
  ['XML', '<?xml version="1.0"?><a/>', 'application/xml'],
  ['PDF', '%PDF-1.7\n', 'application/pdf'],
  ['a gzip archive that is cut off', Buffer.from('1f8b0800000000000003', 'hex'), 'application/gzip'],
  ['zeros', Buffer.alloc(100_000), 'data'],
  ['a small number, which the beginning of a font is', Buffer.from([0, 1]), 'data'],
  ['words in UTF-16', Buffer.from('\ufeffStra\u00dfe \u{1f600}\r\n', 'utf16le'), 'text, UTF-16LE'],
  ['words in UTF-16 the other way round', Buffer.from('\ufeffStra\u00dfe', 'utf16le').swap16(), 'text, UTF-16BE'],
  [
    'an MP3',
    Buffer.concat([Buffer.from('fffb9064', 'hex'), Buffer.alloc(413), Buffer.from('fffb9064', 'hex'), Buffer.alloc(413)]),
    'audio/mpeg',
  ],
]
for (const [title, content, type] of contents) {
  test(`the type of ${title} is ${type}`, async (t) => {
    t.is((await inspectAsJson(tempFile(t, content)))[0]?.type, type)
  })
}

test('a folder and a missing file are errors of one line each', async (t) => {
  const folder = tempFolder(t)
  const missing = join(folder, 'missing')
  for (const [path, name] of [
    [folder, 'EISDIR'],
    [missing, 'ENOENT'],
  ] as const) {
    const { code, stdout, stderr } = await cli(['inspect', path])
    t.is(code, 2)
    t.is(stdout, '')
    t.regex(stderr, new RegExp(`^${commandName}: ${name}: [^\n]*\n$`))
    t.true(stderr.includes(path))
  }
})

onUnix('a FIFO is an error at once', async (t) => {
  const path = join(tempFolder(t), 'fifo')
  execFileSync('mkfifo', [path])
  const { code, stdout, stderr } = await cli(['inspect', path])
  t.is(code, 2)
  t.is(stdout, '')
  t.is(stderr, `${commandName}: ${path}: a FIFO cannot be mapped; read it as a stream instead\n`)
})

asNobody('a file that may not be read is an error of one line', async (t) => {
  const path = tempFile(t, 'secret')
  fs.chmodSync(join(path, '..'), 0o755)
  fs.chmodSync(path, 0o600)
  const { code, stdout, stderr } = await cli(['inspect', path], nobody)
  t.is(code, 2)
  t.is(stdout, '')
  t.is(stderr, `${commandName}: EACCES: permission denied, open '${path}'\n`)
})

asNobody('residency that the operating system hides is unknown, with the reason', async (t) => {
  const reason = 'the operating system hides it for files that you neither own nor may write'
  const human = await cli(['inspect', node], nobody)
  t.is(human.code, 0, human.stderr)
  t.deepEqual(values(human.stdout, 'residency'), [`unknown (${reason})`])
  const { code, stdout } = await cli(['inspect', '--json', node], nobody)
  t.is(code, 0)
  const [file] = JSON.parse(stdout) as FileObject[]
  t.is(file?.residency, null)
  t.is(file?.residencyUnknown, reason)
})

test('the other files are shown when one fails, with an empty line between', async (t) => {
  const [first, second] = [tempFile(t, 'first'), tempFile(t, 'second')]
  const missing = join(tempFolder(t), 'missing')
  const { code, stdout, stderr } = await cli(['inspect', missing, first, missing, second, missing])
  t.is(code, 2)
  t.deepEqual(
    stdout.split('\n\n').map((part) => part.split('\n')[0]),
    [first, second],
  )
  t.is(stderr.match(/^.*ENOENT.*$/gm)?.length, 3)
  const asJson = await cli(['inspect', '--json', missing, first, missing, second])
  t.is(asJson.code, 2)
  t.deepEqual(
    (JSON.parse(asJson.stdout) as FileObject[]).map(({ path }) => path),
    [first, second],
  )
  t.is(asJson.stderr.match(/^.*ENOENT.*$/gm)?.length, 2)
  t.deepEqual(JSON.parse((await cli(['inspect', '--json', missing])).stdout), [])
})

onUnix('control characters of a name are escaped wherever it is printed', async (t) => {
  const name = 'a\nb\u001b[31m\u009b\u202egnp'
  const folder = tempFolder(t)
  const path = join(folder, name)
  const shown = join(folder, 'a\\nb\\x1b[31m\\x9b\\u202egnp')
  const raw = /[^\P{Cc}\n]|[\u202e]/u
  const missing = await cli(['inspect', path])
  t.is(missing.stderr, `${commandName}: ENOENT: no such file or directory, open '${shown}'\n`)
  writeFileSync(path, 'x')
  const human = await cli(['inspect', path])
  t.is(human.stdout.split('\n')[0], shown)
  t.notRegex(human.stdout, raw)
  const asJson = await cli(['inspect', '--json', path])
  t.notRegex(asJson.stdout, raw)
  t.is((JSON.parse(asJson.stdout) as FileObject[])[0]?.path, path)
})

test('a link is followed', async (t) => {
  const path = tempFile(t, 'content')
  const link = join(tempFolder(t), 'link')
  fs.symlinkSync(path, link)
  const [file] = await inspectAsJson(link)
  t.is(file?.path, link)
  t.is(file?.size, 7)
})
