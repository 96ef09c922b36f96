"""What a fictitious prescription says: clinic, doctor, patient, medicines and advice, all invented.
The word lists must never hold the name of a real person, clinic, register or medicine."""

import random
from dataclasses import dataclass
from datetime import date, timedelta

NOTICE = "SPECIMEN - NOT A REAL PRESCRIPTION"


@dataclass(frozen=True, slots=True)
class Medicine:
    """One line of the medicines table. `dose` is morning - noon - night; `quantity` counts units."""

    name: str
    form: str
    dose: str
    when: str
    days: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Prescription:
    """Everything written on one prescription, however many sheets it takes."""

    clinic: str
    tagline: str
    address: str
    doctor: str
    degree: str
    registration: str
    patient: str
    age: int
    sex: str
    weight_kg: int
    reference: str
    issued: date
    medicines: tuple[Medicine, ...]
    advice: tuple[str, ...]
    review_on: date


# Neighbouring seeds take neighbouring entries, so that a demo of a few shows different people.
CLINICS = (
    ("Example Valley Clinic", "Family medicine and imaginary check-ups"),
    ("Placeholder Health Centre", "General practice for people who do not exist"),
    ("Specimen Street Surgery", "Consultations by invention only"),
    ("Lorem Ipsum Medical House", "Dolor relieved since the year 0000"),
)
STREETS = ("Nowhere Lane", "Sample Road", "Fixture Street", "Mock Avenue")
DOCTORS = ("Dr. Farida Fictional", "Dr. Ivan Invented", "Dr. Devi Demo", "Dr. Paul Pretend")
PATIENTS = (
    ("Asha Example", "F"),
    ("Ravi Sample", "M"),
    ("Meera Madeup", "F"),
    ("Peter Placeholder", "M"),
    ("Noor Nobody", "F"),
)
# name, form, days of treatment that suit it
MEDICINES = (
    ("Examplocillin 500 mg", "capsule", (5, 7)),
    ("Placebol 250 mg", "tablet", (3, 5, 10)),
    ("Fictozine 10 mg", "tablet", (7, 10)),
    ("Specimol 650 mg", "tablet", (3, 5)),
    ("Mockacid 20 mg", "capsule", (14, 30)),
    ("Dummypril 5 mg", "tablet", (30,)),
    ("Samplivir 75 mg", "capsule", (5,)),
    ("Demosyrup 5 ml", "measure of syrup", (5, 7)),
    ("Inventamin D3", "tablet", (30,)),
    ("Pretendazole 40 mg", "tablet", (14, 28)),
    ("Loremipsol 500 mg", "tablet", (30,)),
    ("Ipsumycin 100 mg", "capsule", (7, 10)),
    ("Nullipane 400 mg", "tablet", (3, 5)),
    ("Voidosartan 50 mg", "tablet", (30,)),
)
DOSES = (("1 - 0 - 1", 2), ("1 - 1 - 1", 3), ("0 - 0 - 1", 1), ("1 - 0 - 0", 1))
TIMES = ("after food", "before food", "with water", "at bedtime")
ADVICE = (
    "Drink plenty of water and rest for two days.",
    "Bring this sheet to the next visit.",
    "Finish the whole course, even when you feel better.",
    "Avoid cold drinks and late nights.",
    "Come back at once if the fever passes 39 degrees.",
    "Walk for thirty minutes every day.",
)
FIRST_DAY = date(2026, 1, 5)


def content(seed: int = 1, *, medicines: int = 4, issued: date | None = None) -> Prescription:
    """The prescription number `seed` with 1 to 14 medicines; the same words for the same numbers.

    `issued` is its date; one day of 2026 when not given.
    """
    if not 1 <= medicines <= len(MEDICINES):
        raise ValueError(f"medicines is {medicines}; the list can fill 1 to {len(MEDICINES)} lines")
    rng = random.Random(seed)  # noqa: S311 - invented words, not secrets
    clinic, tagline = CLINICS[(seed - 1) % len(CLINICS)]
    patient, sex = PATIENTS[(seed - 1) % len(PATIENTS)]
    some_day = FIRST_DAY + timedelta(days=rng.randrange(300))  # drawn in any case, so that the words stay the same
    issued = issued or some_day
    return Prescription(
        clinic=clinic,
        tagline=tagline,
        address=f"{rng.randrange(1, 99)} {rng.choice(STREETS)}, Exampleton 000 000   Tel. 0000 000 000",
        doctor=DOCTORS[(seed - 1) % len(DOCTORS)],
        degree="M.B.B.S. (Specimen)",
        registration=f"SPECIMEN-{rng.randrange(10_000):05d}",
        patient=patient,
        age=rng.randrange(19, 80),
        sex=sex,
        weight_kg=rng.randrange(48, 92),
        reference=f"DEMO-{rng.randrange(100_000):05d}",
        issued=issued,
        medicines=tuple(_medicine(rng, line) for line in rng.sample(MEDICINES, medicines)),
        advice=tuple(rng.sample(ADVICE, 3)),
        review_on=issued + timedelta(days=rng.choice((7, 14, 30))),
    )


def _medicine(rng: random.Random, line: tuple[str, str, tuple[int, ...]]) -> Medicine:
    name, form, courses = line
    dose, per_day = rng.choice(DOSES)
    days = rng.choice(courses)
    when = "at bedtime" if dose == "0 - 0 - 1" else rng.choice(TIMES[:3])
    return Medicine(name=name, form=form, dose=dose, when=when, days=days, quantity=per_day * days)
