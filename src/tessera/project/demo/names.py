"""Names, cities and addresses of people who do not exist, in four languages.

Mail domains are those reserved for examples (RFC 2606). Phone numbers come from blocks kept for fiction in the USA
(555-01xx) and the United Kingdom (Ofcom: 07700 900xxx), elsewhere from blocks that no operator has been given.
"""

from typing import Final, NamedTuple

Spelled = tuple[str, str]
"""(as the person writes it, in Latin letters)"""


class City(NamedTuple):
    name: str
    country: str
    time_zone: str
    network: str
    """The first two numbers of an IPv4 address that belongs to the country."""


class Language(NamedTuple):
    code: str
    locale: str
    women: tuple[Spelled, ...]
    men: tuple[Spelled, ...]
    families: tuple[Spelled, ...]
    cities: tuple[City, ...]


def _same(names: str) -> tuple[Spelled, ...]:
    return tuple((name, name) for name in names.split())


def _plain(names: str, latin: str) -> tuple[Spelled, ...]:
    return tuple(zip(names.split(), latin.split(), strict=True))


ENGLISH: Final = Language(
    "en",
    "en-GB",
    _same("Olivia Amelia Grace Emily Hannah Ruby Nora Alice Zoe Phoebe Claire Martha"),
    _same("Oliver George Noah Arthur Henry Leo Oscar Theo Max Samuel Daniel Adam"),
    _same("Smith Jones Taylor Brown Wilson Evans Walker Hughes Green Baker Carter Mitchell Cooper Ward Bennett"),
    (
        City("London", "GB", "Europe/London", "86.2"),
        City("Manchester", "GB", "Europe/London", "86.3"),
        City("New York", "US", "America/New_York", "74.64"),
        City("Chicago", "US", "America/Chicago", "73.44"),
        City("Seattle", "US", "America/Los_Angeles", "73.140"),
    ),
)
SPANISH: Final = Language(
    "es",
    "es-ES",
    _plain(
        "Lucía María Paula Sofía Carmen Inés Elena Nuria Begoña Rocío Ana Pilar",
        "lucia maria paula sofia carmen ines elena nuria begona rocio ana pilar",
    ),
    _plain(
        "Hugo Martín Pablo Álvaro Diego Iñaki Javier Andrés Óscar Raúl Luis Jesús",
        "hugo martin pablo alvaro diego inaki javier andres oscar raul luis jesus",
    ),
    _plain(
        "García Fernández González Rodríguez López Martínez Sánchez Pérez Gómez Muñoz Núñez Ibáñez Peña Ortiz Vidal",
        "garcia fernandez gonzalez rodriguez lopez martinez sanchez perez gomez munoz nunez ibanez pena ortiz vidal",
    ),
    (
        City("Madrid", "ES", "Europe/Madrid", "88.26"),
        City("Barcelona", "ES", "Europe/Madrid", "83.36"),
        City("Sevilla", "ES", "Europe/Madrid", "81.33"),
        City("Valencia", "ES", "Europe/Madrid", "80.58"),
    ),
)
RUSSIAN: Final = Language(
    "ru",
    "ru-RU",
    _plain(
        "Анна Мария Ольга Елена Татьяна Наталья Ирина Дарья Юлия Вера Полина Ксения",
        "anna maria olga elena tatiana natalia irina daria yulia vera polina ksenia",
    ),
    _plain(
        "Иван Дмитрий Сергей Алексей Николай Михаил Андрей Павел Егор Кирилл Роман Фёдор",
        "ivan dmitry sergey alexey nikolay mikhail andrey pavel egor kirill roman fedor",
    ),
    _plain(
        "Иванов Смирнов Кузнецов Попов Соколов Лебедев Козлов Новиков Морозов Волков Павлов Беляев",
        "ivanov smirnov kuznetsov popov sokolov lebedev kozlov novikov morozov volkov pavlov belyaev",
    ),
    (
        City("Москва", "RU", "Europe/Moscow", "95.165"),
        City("Санкт-Петербург", "RU", "Europe/Moscow", "95.84"),
        City("Новосибирск", "RU", "Asia/Novosibirsk", "95.191"),
    ),
)
THAI: Final = Language(
    "th",
    "th-TH",
    _plain("สุดา มาลี อรุณี พิมพ์ กัญญา ณัฐริกา วันเพ็ญ จันทร์", "suda malee arunee pim kanya natrika wanpen jan"),
    _plain(
        "สมชาย อนันต์ ธนากร กิตติ วิชัย ณัฐพล ประเสริฐ ชัยวัฒน์", "somchai anan thanakorn kitti wichai nattapon prasert chaiwat"
    ),
    _plain(
        "แก้วใส ทองดี ศรีสุข บุญมา วงศ์ไทย สุขใจ รัตนกุล จันทร์เพ็ญ",
        "kaewsai thongdee srisuk bunma wongthai sukjai rattanakul chanpen",
    ),
    (
        City("กรุงเทพมหานคร", "TH", "Asia/Bangkok", "171.96"),
        City("เชียงใหม่", "TH", "Asia/Bangkok", "171.101"),
        City("ภูเก็ต", "TH", "Asia/Bangkok", "171.97"),
    ),
)
LANGUAGES: Final = (ENGLISH, SPANISH, RUSSIAN, THAI)
SHARES: Final = (40, 30, 18, 12)
"""How many of a hundred people speak each."""

MAIL_DOMAINS: Final = ("example.com", "example.org", "example.net")
_AREAS: Final = ("212", "312", "206", "415", "617", "713", "305", "503", "602", "404")
_UNGIVEN: Final = {"ES": "+34500{:06d}", "RU": "+7100{:07d}", "TH": "+661{:08d}"}


def family_of(name: Spelled, *, woman: bool, language: Language) -> Spelled:
    """Russian family names end otherwise for women."""
    return (name[0] + "а", name[1] + "a") if language is RUSSIAN and woman else name


def phone_of(country: str, number: int) -> str | None:
    """The `number`-th number of the country in E.164, or None when its block is used up. Each is given once."""
    if country == "US":
        return f"+1{_AREAS[number // 100]}55501{number % 100:02d}" if number < 100 * len(_AREAS) else None
    if country == "GB":
        return f"+447700900{number:03d}" if number < 1000 else None
    return _UNGIVEN[country].format(number) if number < 1_000_000 else None
