/** A made-up estate for looking at screens: divisions, recorders, cameras, a platform with groups, refused strangers. */
import type { Channel, Device, Refusal, TreeNode } from '../src/api/types'

const now = () => Date.now() / 1000

const STREETS: Record<string, string[]> = {
  '340102|瑶海区': ['胜利路与凤阳路路口', '长江东路高架入口', '火车站进站口东侧', '火车站出站口', '明光路小学正门', '和平路派出所大厅', '东七里塘社区南门', '元一广场地下车库B2', '大通路农贸市场', '嘉山路北口'],
  '340103|庐阳区': ['逍遥津公园南门', '杏花公园东门', '四牌楼天桥南侧球机', '长江中路与徽州大道路口', '女人街南口', '三孝口地铁站A口', '市府广场喷泉', '淮河路步行街西口球机', '寿春路学校门口', '濉溪路高架下', '双岗老街', '北一环辅道'],
  '340104|蜀山区': ['大蜀山森林公园停车场', '黄潜望换乘中心', '南门口小学', '南门口派出所', '潜山路与望江路路口', '科学大道创新园', '天鹅湖东岸球机', '政务中心西门', '合作化南路与南二环路口'],
  '340111|包河区': ['合肥南站北广场', '合肥南站落客平台', '罍街美食广场', '滨湖会展中心2号馆', '塘西河公园', '包河苑南入口', '宁国路龙虾街', '骆岗公园塔台'],
}

export interface Estate {
  devices: Device[]
  channels: Map<string, Channel[]>
  nodes: Map<string, TreeNode>
  children: Map<string, string[]>
  refusals: Refusal[]
}

function device(code: string, name: string, more: Partial<Device>): Device {
  return {
    code, name, name_here: null, shown_name: name, kind: 'recorder', has_password: false, enabled: true,
    media_transport: 'tcp-passive', media_zone: '', send_date: true, keepalive_interval_s: null, keepalive_count: null, charset: '', dialect: '',
    presence: 'online', presence_reason: 'keepalive', presence_since: now() - 86_400 * 3, edition: '2.0', transport: 'UDP',
    remote_host: '10.34.1.20', remote_port: 5060, local_host: '10.34.0.8', local_port: 5060, contact: '', user_agent: 'IP Camera',
    registered_at: now() - 2100, expires_at: now() + 1500, heard_at: now() - 12, manufacturer: 'Hikvision', model: 'DS-8632N-K8',
    firmware: 'V4.61.010', channels_said: null, channels_total: 0, channels_online: 0, catalog_at: now() - 4000,
    catalog_complete: true, catalog_note: '', catalog_progress: null, refused_at: null, refusal: '', refusal_note: '', added_at: now() - 9e6,
    ...more,
  }
}

function channel(owner: string, code: string, name: string, more: Partial<Channel> = {}): Channel {
  return {
    id: `channel:${owner}/${code}`, owner, code, name, name_said: name, online: true, playable: true, has_ptz: name.includes('球机'),
    ptz_type: name.includes('球机') ? 1 : 3, manufacturer: 'Hikvision', model: 'DS-2CD3T46', address: '', longitude: 117.28, latitude: 31.86,
    streams: [0, 1], ...more,
  }
}

export function makeEstate(): Estate {
  const estate: Estate = { devices: [], channels: new Map(), nodes: new Map(), children: new Map([['', []]]), refusals: [] }

  function add(node: Omit<TreeNode, 'online' | 'total' | 'has_children' | 'ways'>): void {
    estate.nodes.set(node.id, { ...node, online: 0, total: 0, has_children: false, ways: [] })
    const parent = node.parent ?? ''
    estate.children.set(parent, [...(estate.children.get(parent) ?? []), node.id])
    const up = estate.nodes.get(parent)
    if (up) up.has_children = true
    if (node.channel?.playable) {
      for (let at: TreeNode | undefined = estate.nodes.get(node.id); at; at = estate.nodes.get(at.parent ?? '')) {
        at.total += 1
        if (node.channel.online) at.online += 1
      }
    }
  }

  const folder = (id: string, kind: TreeNode['kind'], name: string, parent: string | null, owner = '') =>
    add({ id, kind, code: id.split(':')[1]?.split('/').at(-1) ?? '', name, parent, owner, channel: null })

  folder('division:34', 'division', '安徽省', null)
  folder('division:3401', 'division', '合肥市', 'division:34')
  let serial = 0
  for (const [key, streets] of Object.entries(STREETS)) {
    const [division = '', name = ''] = key.split('|')
    folder(`division:${division}`, 'division', name, 'division:3401')
    const owner = `${division}00001180000001`.padEnd(20, '0').slice(0, 20)
    const offline = division === '340104'
    const some = streets.map((street, i) => {
      serial += 1
      return channel(owner, `${division}0000132${String(serial).padStart(7, '0')}`, street, { online: !offline && i % 6 !== 4 })
    })
    some.push(channel(owner, `${division}00001340000001`, '周界报警输入 1', { playable: false, has_ptz: false, streams: [] }))
    const recorder = device(owner, `${name}硬盘录像机`, {
      presence: offline ? 'offline' : 'online', presence_reason: offline ? 'keepalive-missed' : 'keepalive', remote_host: `10.34.${serial}.20`,
      heard_at: now() - (offline ? 5400 : 8 + serial), channels_total: some.length, channels_online: some.filter((c) => c.online).length,
      edition: serial > 20 ? '3.0' : '2.0', transport: serial > 20 ? 'TCP' : 'UDP', media_transport: serial > 30 ? 'udp' : 'tcp-passive',
      ...(offline ? { refusal: 'wrong-password', refused_at: now() - 1800, refusal_note: 'digest does not match; algorithm MD5, realm 3401000000', presence_since: now() - 5200 } : {}),
    })
    estate.devices.push(recorder)
    estate.channels.set(owner, some)
    folder(`device:${owner}`, 'device', recorder.name, `division:${division}`, owner)
    for (const one of some) add({ id: one.id, kind: 'channel', code: one.code, name: one.name, parent: `device:${owner}`, owner, channel: one })
  }

  const platform = '34010000002000000002'
  const lower = device(platform, '市政府雪亮平台', {
    kind: 'platform', manufacturer: '', model: '', user_agent: 'Embedded Net Platform', edition: '3.0', transport: 'TCP', remote_host: '10.200.8.3',
    channels_total: 360, channels_online: 331, catalog_complete: false, catalog_note: '', catalog_at: now() - 900, channels_said: 400,
  })
  estate.devices.push(lower)
  folder(`device:${platform}`, 'device', lower.name, null, platform)
  const all: Channel[] = []
  for (let g = 1; g <= 3; g++) {
    const group = `group:${platform}/3401000000215000000${g}`
    folder(group, 'group', ['交警卡口', '医院学校', '景区公园'][g - 1] ?? '', `device:${platform}`, platform)
    for (let o = 1; o <= 4; o++) {
      const organisation = `organisation:${platform}/34010000002160000${g}0${o}`
      folder(organisation, 'organisation', `第 ${o} 责任区`, group, platform)
      for (let c = 1; c <= 30; c++) {
        serial += 1
        const one = channel(platform, `34010000001320${String(serial).padStart(6, '0')}`, `${['卡口', '学校', '景区'][g - 1]}${o}区${c}号${c % 5 ? '枪机' : '球机'}`, { online: serial % 13 !== 0 })
        all.push(one)
        add({ id: one.id, kind: 'channel', code: one.code, name: one.name, parent: organisation, owner: platform, channel: one })
      }
    }
  }
  estate.channels.set(platform, all)

  const single = '34020000001320000001'
  estate.devices.push(
    device(single, '仓库大门', { kind: 'camera', presence: 'unconfirmed', presence_reason: 'restart', heard_at: now() - 70, channels_total: 1, channels_online: 1, manufacturer: 'Dahua', model: 'DH-IPC-HFW2433', media_transport: 'udp', edition: '2.0', remote_host: '192.168.1.64' }),
    device('34020000001320000002', '', { shown_name: '34020000001320000002', kind: 'other', presence: 'never', presence_reason: '', presence_since: null, heard_at: null, registered_at: null, expires_at: null, edition: '', transport: '', remote_host: '', remote_port: 0, user_agent: '', manufacturer: '', model: '', catalog_at: null, has_password: true }),
  )
  const h265 = channel(single, single, '仓库大门 H.265', { streams: [0] })
  estate.channels.set(single, [h265])
  folder(`device:${single}`, 'device', '仓库大门', null, single)
  add({ id: h265.id, kind: 'channel', code: h265.code, name: h265.name, parent: `device:${single}`, owner: single, channel: h265 })

  estate.refusals.push(
    { code: '34020000001310000077', reason: 'unknown-device', detail: 'REGISTER from a code that is not on file; admission is closed', source: '10.34.9.77:5060', transport: 'UDP', at: now() - 42, user_agent: 'IP Camera', count: 31, known: false },
    { code: '34020000001180000009', reason: 'no-retry', detail: 'challenged 12 times with 401, no credentials ever came', source: '117.64.22.8:40112', transport: 'UDP', at: now() - 350, user_agent: 'NVR/4.1', count: 12, known: false },
    { code: '340200', reason: 'malformed-code', detail: "a code is 20 digits, not '340200'", source: '10.34.9.80:5061', transport: 'TCP', at: now() - 7000, user_agent: '', count: 2, known: false },
    { code: estate.devices[2]?.code ?? '', reason: 'wrong-password', detail: 'digest does not match; algorithm MD5, realm 3401000000', source: '10.34.31.20:5060', transport: 'UDP', at: now() - 1800, user_agent: 'IP Camera', count: 64, known: true },
  )
  return estate
}
