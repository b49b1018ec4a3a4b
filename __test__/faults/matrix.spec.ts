/**
 * The fault matrix: each kind of damage to a mapped file x each way to use its bytes. The process lives, views read zeros in place of
 * what was lost and nothing else, and everything that can fail does. A process for each kind of damage.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { runFile } from '../support/child.ts'
import { asRootOnLinux, onLinux } from '../support/conditions.ts'
import { tempFile, tempFolder } from '../support/files.ts'
import { isLive } from '../support/view.ts'

// A copy meets no page.
const onLiveLinux = isLive ? onLinux : test.skip
const asRootLive = isLive ? asRootOnLinux : test.skip

async function damaged(t: ExecutionContext, damage: string, folder: string): Promise<void> {
  const child = join(import.meta.dirname, 'child.mjs')
  const progress = tempFile(t)
  const { code, signal, stdout, stderr } = await runFile(child, [damage, folder, progress])
  const at = readFileSync(progress, 'utf8')
  t.is(signal, null, at)
  t.is(code, 0, `${at}\n${stderr}`)
  const { wrong, tried } = JSON.parse(stdout)
  t.deepEqual(wrong, {})
  t.true(tried > 200, `only ${tried} cases`)
}

for (const damage of ['cut to zero', 'cut in the middle', 'cut inside a page', 'cut and regrown', 'deleted', 'replaced']) {
  onLiveLinux(`${damage}: the process lives and tells`, (t) => damaged(t, damage, tempFolder(t)))
}

asRootLive('full disk: the process lives and tells', async (t) => {
  const folder = tempFolder(t)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
  t.teardown(() => execFileSync('umount', ['--lazy', folder]))
  t.throws(() => writeFileSync(join(folder, 'rest'), Buffer.alloc(2 << 20)), { code: 'ENOSPC' })
  await damaged(t, 'full disk', folder)
})

const missing = ['mkfs.ext4', 'losetup'].filter((program) => spawnSync(program, ['--version']).error !== undefined)
const withDevices = missing.length === 0 && spawnSync('losetup', ['--find']).status === 0 ? asRootLive : test.skip

withDevices('failing device: the process lives and tells', async (t) => {
  const folder = tempFolder(t)
  const [memory, disk] = [join(folder, 'memory'), join(folder, 'disk')]
  const image = join(memory, 'image')
  mkdirSync(memory)
  mkdirSync(disk)
  // The image lies in memory: where it is cut, the device fails.
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', memory])
  t.teardown(() => execFileSync('umount', ['--lazy', memory]))
  execFileSync('truncate', ['-s', '32M', image])
  execFileSync('mkfs.ext4', ['-q', '-m', '0', '-O', '^has_journal', image])
  execFileSync('mount', ['-o', 'loop,errors=continue', image, disk])
  t.teardown(() => execFileSync('umount', ['--lazy', disk]))
  writeFileSync(join(disk, 'file'), Buffer.alloc(16 << 20, 7))
  execFileSync('sync')
  writeFileSync('/proc/sys/vm/drop_caches', '3')
  truncateSync(image, 16 << 20)
  await damaged(t, 'failing device', disk)
  t.throws(() => readFileSync(join(disk, 'file')), { code: 'EIO' })
})
