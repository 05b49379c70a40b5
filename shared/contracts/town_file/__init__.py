"""A town's rules as data: the town file, checked when it is saved.

Every rule has dates of validity (``valid_from`` included, ``valid_until`` included or open) and a
source note. Instants are wall-clock times in the town's time zone. Amounts are integer cents.
The checks here refuse unknown fields, dangling references, overlapping validities, and a counter
that could not be read from one session's document. ``docs/town-file.md`` shows each shape.

``parts`` names, times, validity · ``calendars`` days · ``conditions`` for whom and when ·
``cutoffs`` instants · ``rules`` deadlines and what follows them · ``absences`` · ``units`` ·
``places`` · ``activities`` · ``enrolments`` · ``dossier`` · ``town`` the whole.
"""

from shared.contracts.town_file.absences import (
    AbsenceReason,
    AbsenceRule,
    Absences,
    Effect,
    Proof,
)
from shared.contracts.town_file.activities import (
    Activity,
    Eligible,
)
from shared.contracts.town_file.calendars import (
    Calendar,
    Closure,
    Period,
    Territory,
)
from shared.contracts.town_file.conditions import (
    Audience,
    Scope,
    Trait,
)
from shared.contracts.town_file.cutoffs import (
    ALL_DAYS,
    MIDNIGHT_AFTER,
    SERVICE_DAYS,
    WORKING_DAYS,
    Cutoff,
    DatesCutoff,
    DayCutoff,
    HoursCutoff,
    MonthCutoff,
    NoCutoff,
    PeriodCutoff,
    PublishedDate,
    TableCutoff,
    TableRow,
    Timed,
    Until,
    WeekCutoff,
)
from shared.contracts.town_file.dossier import (
    Dossier,
    DossierRule,
    Fact,
    Permission,
    Statement,
)
from shared.contracts.town_file.enrolments import (
    AskedDocument,
    Download,
    EnrolmentGroup,
    EnrolmentPattern,
    EnrolmentWindow,
    Regulations,
    ReviewStep,
)
from shared.contracts.town_file.parts import (
    ClockTime,
    Dated,
    Part,
    Slug,
    Span,
    Text,
    Weekday,
)
from shared.contracts.town_file.places import (
    CapacityOn,
    Group,
    PlaceCounter,
    Staff,
)
from shared.contracts.town_file.rules import (
    ACTIONS,
    Action,
    Addition,
    Counter,
    Deadline,
    Deadlines,
    Outcome,
    Percent,
    Replacement,
    Step,
    Surcharge,
    Times,
    Unstated,
)
from shared.contracts.town_file.town import (
    CollectionOffice,
    Contact,
    DigestSettings,
    School,
    Tariff,
    TownFile,
)
from shared.contracts.town_file.units import (
    BilledTime,
    Composition,
    Implied,
    Relations,
    Unit,
    Week,
)

__all__ = [
    "ACTIONS",
    "ALL_DAYS",
    "MIDNIGHT_AFTER",
    "SERVICE_DAYS",
    "WORKING_DAYS",
    "AbsenceReason",
    "AbsenceRule",
    "Absences",
    "Action",
    "Activity",
    "Addition",
    "AskedDocument",
    "Audience",
    "BilledTime",
    "Calendar",
    "CapacityOn",
    "ClockTime",
    "Closure",
    "CollectionOffice",
    "Composition",
    "Contact",
    "Counter",
    "Cutoff",
    "Dated",
    "DatesCutoff",
    "DayCutoff",
    "Deadline",
    "Deadlines",
    "DigestSettings",
    "Dossier",
    "DossierRule",
    "Download",
    "Effect",
    "Eligible",
    "EnrolmentGroup",
    "EnrolmentPattern",
    "EnrolmentWindow",
    "Fact",
    "Group",
    "HoursCutoff",
    "Implied",
    "MonthCutoff",
    "NoCutoff",
    "Outcome",
    "Part",
    "Percent",
    "Period",
    "PeriodCutoff",
    "Permission",
    "PlaceCounter",
    "Proof",
    "PublishedDate",
    "Regulations",
    "Relations",
    "Replacement",
    "ReviewStep",
    "School",
    "Scope",
    "Slug",
    "Span",
    "Staff",
    "Statement",
    "Step",
    "Surcharge",
    "TableCutoff",
    "TableRow",
    "Tariff",
    "Territory",
    "Text",
    "Timed",
    "Times",
    "TownFile",
    "Trait",
    "Unit",
    "Unstated",
    "Until",
    "Week",
    "WeekCutoff",
    "Weekday",
]
