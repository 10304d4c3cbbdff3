"""Names, cities and addresses of people who do not exist, in four languages.

Mail domains are those reserved for examples (RFC 2606). Phone numbers come from blocks kept for fiction in the USA
(555-01xx) and the United Kingdom (Ofcom: 07700 900xxx), elsewhere from blocks that no operator has been given.
"""

from typing import Final, NamedTuple

Spelled = tuple[str, str]
"""(as the person writes it, in Latin letters)"""


NICKNAMES: Final = {
    "Elizabeth": "Liz", "Katherine": "Kate", "Abigail": "Abby", "Rebecca": "Becky", "Margaret": "Maggie",
    "Susan": "Sue", "Jessica": "Jess", "Victoria": "Vicky", "Samuel": "Sam", "Daniel": "Dan", "Thomas": "Tom",
    "William": "Will", "Benjamin": "Ben", "Alexander": "Alex", "Nicholas": "Nick", "Matthew": "Matt",
    "Joseph": "Joe", "Michael": "Mike", "Robert": "Rob", "Christopher": "Chris", "Andrew": "Andy", "Patrick": "Pat",
    "Francisco": "Paco", "Manuel": "Manolo", "Ignacio": "Nacho", "Jesús": "Chus", "Alejandro": "Álex",
    "Montserrat": "Montse", "Cristina": "Cris", "Beatriz": "Bea", "María": "Mari",
    "Дмитрий": "Дима", "Сергей": "Серёжа", "Алексей": "Лёша", "Николай": "Коля", "Михаил": "Миша", "Иван": "Ваня",
    "Владимир": "Володя", "Екатерина": "Катя", "Татьяна": "Таня", "Наталья": "Наташа", "Анна": "Аня",
    "Мария": "Маша", "Ольга": "Оля", "Елена": "Лена", "Светлана": "Света", "Ирина": "Ира",
}  # fmt: skip
"""What friends call people, and what they then say at a till."""


class City(NamedTuple):
    name: str
    country: str
    time_zone: str
    network: str
    """The first two numbers of an IPv4 address that belongs to the country."""

    postcode: str
    """The form of a postcode there: `#` is a digit, `@` a letter."""


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
    _same(
        "Olivia Amelia Grace Emily Hannah Ruby Nora Alice Zoe Phoebe Claire Martha Charlotte Isla Freya Sophie Lucy"
        " Megan Abigail Rebecca Harriet Eleanor Imogen Georgia Katherine Elizabeth Jessica Victoria Margaret Susan"
    ),
    _same(
        "Oliver George Noah Arthur Henry Leo Oscar Theo Max Samuel Daniel Adam Thomas James William Edward Benjamin"
        " Alexander Nicholas Matthew Joseph Michael Robert Christopher Andrew Jonathan Peter Simon Patrick Lewis"
    ),
    _same(
        "Smith Jones Taylor Brown Wilson Evans Walker Hughes Green Baker Carter Mitchell Cooper Ward Bennett Turner"
        " Phillips Campbell Parker Edwards Collins Stewart Morris Rogers Reed Cook Morgan Bell Murphy Bailey Rivers"
        " Richardson Cox Howard Watson Brooks Kelly Sanders Price Wood Barnes Ross Henderson Coleman Jenkins Perry"
        " Powell Long Patterson Hayes Fletcher Griffiths Holloway Ashworth Whitfield Pemberton Lockwood Thornton"
    ),
    (
        City("London", "GB", "Europe/London", "86.2", "SE## #@@"),
        City("Manchester", "GB", "Europe/London", "86.3", "M## #@@"),
        City("New York", "US", "America/New_York", "74.64", "100##"),
        City("Chicago", "US", "America/Chicago", "73.44", "606##"),
        City("Seattle", "US", "America/Los_Angeles", "73.140", "981##"),
    ),
)
SPANISH: Final = Language(
    "es",
    "es-ES",
    _plain(
        "Lucía María Paula Sofía Carmen Inés Elena Nuria Begoña Rocío Ana Pilar Marta Laura Cristina Beatriz Silvia"
        " Raquel Irene Montserrat Alicia Verónica",
        "lucia maria paula sofia carmen ines elena nuria begona rocio ana pilar marta laura cristina beatriz silvia"
        " raquel irene montserrat alicia veronica",
    ),
    _plain(
        "Hugo Martín Pablo Álvaro Diego Iñaki Javier Andrés Óscar Raúl Luis Jesús Carlos Sergio Francisco Manuel"
        " Alejandro Fernando Joaquín Ignacio Rubén Víctor",
        "hugo martin pablo alvaro diego inaki javier andres oscar raul luis jesus carlos sergio francisco manuel"
        " alejandro fernando joaquin ignacio ruben victor",
    ),
    _plain(
        "García Fernández González Rodríguez López Martínez Sánchez Pérez Gómez Muñoz Núñez Ibáñez Peña Ortiz Vidal"
        " Romero Navarro Torres Domínguez Vázquez Ramos Gil Serrano Blanco Molina Castro Delgado Rubio Marín Iglesias"
        " Medina Garrido Cortés Castillo Lozano Guerrero Cano Prieto Méndez Calvo Gallego Herrera Aguirre",
        "garcia fernandez gonzalez rodriguez lopez martinez sanchez perez gomez munoz nunez ibanez pena ortiz vidal"
        " romero navarro torres dominguez vazquez ramos gil serrano blanco molina castro delgado rubio marin iglesias"
        " medina garrido cortes castillo lozano guerrero cano prieto mendez calvo gallego herrera aguirre",
    ),
    (
        City("Madrid", "ES", "Europe/Madrid", "88.26", "280##"),
        City("Barcelona", "ES", "Europe/Madrid", "83.36", "080##"),
        City("Sevilla", "ES", "Europe/Madrid", "81.33", "410##"),
        City("Valencia", "ES", "Europe/Madrid", "80.58", "460##"),
    ),
)
RUSSIAN: Final = Language(
    "ru",
    "ru-RU",
    _plain(
        "Анна Мария Ольга Елена Татьяна Наталья Ирина Дарья Юлия Вера Полина Ксения Екатерина Светлана Людмила Алина"
        " Надежда Валентина Марина Галина",
        "anna maria olga elena tatiana natalia irina daria yulia vera polina ksenia ekaterina svetlana lyudmila alina"
        " nadezhda valentina marina galina",
    ),
    _plain(
        "Иван Дмитрий Сергей Алексей Николай Михаил Андрей Павел Егор Кирилл Роман Фёдор Владимир Константин Артём"
        " Григорий Виктор Олег Тимофей Максим",
        "ivan dmitry sergey alexey nikolay mikhail andrey pavel egor kirill roman fedor vladimir konstantin artem"
        " grigory viktor oleg timofey maxim",
    ),
    _plain(
        "Иванов Смирнов Кузнецов Попов Соколов Лебедев Козлов Новиков Морозов Волков Павлов Беляев Фёдоров Орлов"
        " Макаров Никитин Захаров Зайцев Соловьёв Борисов Яковлев Григорьев Романов Воробьёв Киселёв Комаров Тарасов"
        " Белов Жуков Антонов",
        "ivanov smirnov kuznetsov popov sokolov lebedev kozlov novikov morozov volkov pavlov belyaev fedorov orlov"
        " makarov nikitin zakharov zaytsev solovyov borisov yakovlev grigoryev romanov vorobyov kiselyov komarov"
        " tarasov belov zhukov antonov",
    ),
    (
        City("Москва", "RU", "Europe/Moscow", "95.165", "1##0##"),
        City("Санкт-Петербург", "RU", "Europe/Moscow", "95.84", "19#0##"),
        City("Новосибирск", "RU", "Asia/Novosibirsk", "95.191", "6300##"),
    ),
)
THAI: Final = Language(
    "th",
    "th-TH",
    _plain(
        "สุดา มาลี อรุณี พิมพ์ กัญญา ณัฐริกา วันเพ็ญ จันทร์ สมหญิง รัตนา ปราณี นภา ศิริพร วิไล",
        "suda malee arunee pim kanya natrika wanpen jan somying rattana pranee napa siriporn wilai",
    ),
    _plain(
        "สมชาย อนันต์ ธนากร กิตติ วิชัย ณัฐพล ประเสริฐ ชัยวัฒน์ สุรชัย มานะ อภิชาติ ธีระ พิชัย สมศักดิ์",
        "somchai anan thanakorn kitti wichai nattapon prasert chaiwat surachai mana apichat teera pichai somsak",
    ),
    _plain(
        "แก้วใส ทองดี ศรีสุข บุญมา วงศ์ไทย สุขใจ รัตนกุล จันทร์เพ็ญ พงษ์พานิช เจริญสุข วัฒนา มั่นคง ใจดี สายทอง บุญเรือง"
        " ศรีวิไล แสงทอง พรหมมา ชัยมงคล อินทร์แก้ว",
        "kaewsai thongdee srisuk bunma wongthai sukjai rattanakul chanpen phongphanit charoensuk wattana mankhong"
        " jaidee saithong bunrueang siwilai saengthong phromma chaimongkhon inkaew",
    ),
    (
        City("กรุงเทพมหานคร", "TH", "Asia/Bangkok", "171.96", "10#00"),
        City("เชียงใหม่", "TH", "Asia/Bangkok", "171.101", "50#00"),
        City("ภูเก็ต", "TH", "Asia/Bangkok", "171.97", "83#00"),
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
