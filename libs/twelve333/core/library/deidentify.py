"""Finds what could say who somebody is, so that no typical case is published with it: the gate of de-identification.

It looks for what has a form of its own: identity numbers and bank cards with a right check digit, telephone numbers, addresses down to the
door, and names where a title or a label stands beside them. It tells kind and place, never the words, so that a refusal may be logged. A
surname with a title (王女士) or with 某 names nobody; the numbers of public services (12333, 400-…) are nobody's own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final


class Personal(Enum):
    """What was found."""

    NAME = "name"
    ID_NUMBER = "id_number"
    TELEPHONE = "telephone"
    ADDRESS = "address"
    BANK_CARD = "bank_card"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something personal, by kind and place; line and column count from 1."""

    kind: Personal
    line: int
    column: int


_WIDE: Final = str.maketrans("０１２３４５６７８９Ｘｘ－　（）", "0123456789Xx- ()")
_RUN: Final = re.compile(r"(?<![\dA-Za-z])\+?\(?\d(?:[ \-()]{0,2}\d){6,21}[Xx]?(?![\dA-Za-z])", re.ASCII)
_MOBILE: Final = re.compile(r"(?:\+?86)?1[3-9]\d{9}")
_LANDLINE: Final = re.compile(r"(?:\+?86)?0(?:10|2\d|[3-9]\d{2})[2-8]\d{6,7}")
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

_STREET: Final = r"(?:路|街|大道|巷|弄|胡同|里|村|庄|屯|小区|花园|公寓|新村|家园|苑)"
_ADDRESS: Final = re.compile(
    rf"[\u4e00-\u9fff]{{1,12}}{_STREET}[ ]?\d{{1,5}}[ ]?(?:号|弄|栋|幢|组)(?!文|令|公告)"
    r"|\d{1,4}[ ]?(?:号楼|栋|幢|座)[ ]?(?:[\dA-Za-z一二三四五六七八九十]{1,3}[ ]?单元)?[ ]?\d{2,4}[ ]?(?:室|号|房)"
    r"|[\d一二三四五六七八九十]{1,3}[ ]?单元[ ]?\d{2,4}[ ]?(?:室|号)"
)

_SURNAMES: Final = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟"
    "龙万段漕钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐沿梅莫庄辛管祝左涂谷祁时舒耿牟卜詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍"
    "翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边"
)
# Without a title or a colon only the commonest count, and none that is a word by itself (于, 方, 万).
_COMMON: Final = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎"
    "余潘杜戴夏钟汪田任姜范石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙段"
)
_COMPOUND: Final = "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|夏侯|端木|司徒"
_GIVEN: Final = r"(?:(?![某×xX*＊○〇])[\u4e00-\u9fff]){1,2}"
_NAME: Final = rf"(?:{_COMPOUND}|[{_SURNAMES}]){_GIVEN}"
_TITLES: Final = "先生|女士|小姐|太太|师傅|同志|老师|医生|大夫|律师|经理|主任|科长|局长|处长|董事长|总监|会计|阿姨|大爷|大妈|大叔"
_PEOPLE: Final = (
    "职工|员工|工人|农民工|申请人|当事人|被申请人|法定代表人|法人代表|负责人|联系人|经办人|咨询人|来电人|投诉人|举报人|劳动者|参保人|死者|患者|受益人|继承人"
    "|丈夫|妻子|儿子|女儿|父亲|母亲|老板|包工头|名叫|叫做|姓名是|本人"
)
_WITH_TITLE: Final = re.compile(rf"(?<![\u4e00-\u9fff])({_NAME})(?:{_TITLES})")
_AFTER_LABEL: Final = re.compile(rf"(?:姓名|申请人|当事人|联系人|经办人|职工|员工|来电人|咨询人)[ ]?[:：][ ]?({_NAME})(?![\u4e00-\u9fff])")
_END: Final = rf"(?=[，。、；,.;（(）) \n]|(?:于|在|因|与|向|自|从|称|说|来电|的)|(?:{_TITLES})|$)"
_AFTER_WORD: Final = re.compile(rf"(?:{_PEOPLE})((?:{_COMPOUND}|[{_COMMON}]){_GIVEN}){_END}")
# Words that begin like a name: 安装师傅, 车间主任, 职工安全.
_NO_NAME: Final = re.compile(
    "安装|安全|安置|车间|单位|单独|单方|项目|高级|高温|施工|包工|任课|任职|应聘|成本|管理|关系|关于|关心|权益|方面|方式|何时|何种|向其|于是|万元|金额|白天|常年|平时|时间|时候|文化|文件"
    "|解除|解决|许可|易地|经办|江苏|江西|河北|安徽|石家|温州|宁波|华东|华南|严重|严格|从事|全部|左右|成立|成功|成为|路上|路程|阳光|左手|石油|房屋|房产|边境|边远|强制|强迫|毕业|余下"
    "|余额|祝您|景区|查询|查看|查处|费用|费率|季度|申请|申报|申诉|左侧|向单|向仲|向法|向劳|向人|向社|向用|向公|于年|方可|任何|任意|程序|温度|康复|康养|时限|时效|时起|施行|和解|常见"
)


def findings(text: str) -> tuple[Finding, ...]:
    """Everything personal in `text`, by place."""
    plain = text.translate(_WIDE)
    found = sorted({*_numbers(plain), *_matches(_ADDRESS, plain, Personal.ADDRESS), *_names(plain)})
    starts = [0, *(match.end() for match in re.finditer("\n", plain))]
    placed: list[Finding] = []
    for at, value in found:
        line = sum(1 for start in starts if start <= at)
        placed.append(Finding(Personal(value), line, at - starts[line - 1] + 1))
    return tuple(placed)


def without_numbers(text: str, kinds: Collection[Personal]) -> str:
    """`text` with every number of a person of these kinds blacked out, a `*` for each sign."""
    plain, shown = text.translate(_WIDE), list(text)
    for match in _RUN.finditer(plain) if kinds else ():
        if _kind_of(_digits(match)) in kinds:
            shown[match.start() : match.end()] = "*" * len(match[0])
    return "".join(shown)


def is_id_number(digits: str) -> bool:
    """Whether `digits` is an identity number of 18 places with its check digit (GB 11643-1999), or of 15, with a possible birthday."""
    if re.fullmatch(r"[1-9]\d{16}[\dXx]", digits, re.ASCII):
        right = "10X98765432"[sum(int(d) * w for d, w in zip(digits, _WEIGHTS, strict=False)) % 11] == digits[-1].upper()
        return right and _is_day(digits[6:14])
    return re.fullmatch(rf"(?:{_PROVINCES})\d{{13}}", digits, re.ASCII) is not None and _is_day("19" + digits[6:12])


def is_bank_card(digits: str) -> bool:
    """Whether `digits` is a card number: 16 to 19 places, a first digit of a card scheme, and the check digit of ISO/IEC 7812 (Luhn)."""
    if not re.fullmatch(r"[3-6]\d{15,18}", digits, re.ASCII):
        return False
    doubled = (int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


_PROVINCES: Final = "1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12]"  # first two digits of GB/T 2260


def _is_day(text: str) -> bool:
    """Whether eight digits are a day somebody living may be born on."""
    try:
        return date(1900, 1, 1) <= date(int(text[:4]), int(text[4:6]), int(text[6:])) <= date(2100, 1, 1)
    except ValueError:
        return False


def _numbers(text: str) -> Iterator[tuple[int, str]]:
    """Numbers of persons: each run of digits, as written with blanks and hyphens, is at most one of them."""
    for match in _RUN.finditer(text):
        if kind := _kind_of(_digits(match)):
            yield match.start(), kind.value


def _digits(run: re.Match[str]) -> str:
    return re.sub(r"[ \-()]", "", run[0])


def _kind_of(digits: str) -> Personal | None:
    """What a run of digits is, if anything personal."""
    if is_id_number(digits):
        return Personal.ID_NUMBER
    if is_bank_card(digits):
        return Personal.BANK_CARD
    if _MOBILE.fullmatch(digits) or _LANDLINE.fullmatch(digits):
        return Personal.TELEPHONE
    return None


def _names(text: str) -> Iterator[tuple[int, str]]:
    """Names beside a title or a label."""
    for pattern in (_WITH_TITLE, _AFTER_LABEL, _AFTER_WORD):
        for match in pattern.finditer(text):
            if not _NO_NAME.match(match[1]):
                yield match.start(1), Personal.NAME.value


def _matches(pattern: re.Pattern[str], text: str, kind: Personal) -> Iterable[tuple[int, str]]:
    return ((match.start(), kind.value) for match in pattern.finditer(text))
