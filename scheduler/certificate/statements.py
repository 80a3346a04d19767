"""What each property says, in English and in French: its definition, how it is checked, what that leaves out."""

from __future__ import annotations

from typing import NamedTuple

from scheduler.certificate.report import Text


class Statement(NamedTuple):
    """What a property says, how it is checked, and what that leaves unchecked."""

    title: Text
    definition: Text
    method: Text
    not_covered: Text


NOTE = Text(
    "Campaigns are indivisible and of unequal lengths, so results known for identical places do not carry over. A "
    "long request may weigh more than each of several short ones and still be unplaced, because together they weigh "
    "more: it could replace each of them only where it needs no more days than that one leaves. Each property is "
    "therefore defined against feasible schedules, and holds in the words given beside it, no further.",
    "Les campagnes sont indivisibles et de durées inégales : les résultats connus pour des places identiques ne s'y "
    "appliquent pas. Une demande longue peut peser plus que chacune de plusieurs courtes et rester sans place, parce "
    "qu'ensemble elles pèsent plus : elle ne remplace l'une d'elles que si les jours que celle-ci laisse lui "
    "suffisent. Chaque propriété est donc définie par rapport aux plans réalisables, et vaut dans les "
    "termes indiqués à côté d'elle, pas au-delà.",
)

STATEMENTS = {
    "eligible": Statement(
        Text("eligible", "éligible"),
        Text(
            "Every placed demand, moved booking and campaign is on one of its own options: in that option's window, "
            "for its duration, starting within its days; each demand is either placed or unplaced, and named once.",
            "Chaque demande placée, réservation déplacée et campagne occupe l'une de ses propres options : dans la "
            "fenêtre de l'option, pour sa durée, avec un début dans ses jours ; chaque demande est placée ou non "
            "placée, et nommée une seule fois.",
        ),
        Text(
            "All recomputed from the problem by a checker that knows no solver.",
            "Tout est recalculé à partir du problème par un vérificateur qui ne connaît aucun solveur.",
        ),
        Text(
            "Whether the problem's options are the right ones: they are taken as given.",
            "Le bien-fondé des options du problème : elles sont prises telles quelles.",
        ),
    ),
    "feasible": Statement(
        Text("feasible", "réalisable"),
        Text(
            "No two of fixed bookings, bookings kept or moved, placed demands and campaigns overlap in a window.",
            "Dans aucune fenêtre, deux occupations ne se chevauchent : réservations fixes, maintenues ou déplacées, "
            "demandes placées, campagnes.",
        ),
        Text("By the same checker, for every pair.", "Par le même vérificateur, pour chaque paire."),
        Text(
            "What happens on a line outside its windows.",
            "Ce qui se passe sur une ligne en dehors de ses fenêtres.",
        ),
    ),
    "caps": Statement(
        Text("caps and limits", "plafonds et limites"),
        Text(
            "No party has more placed demands, or more days of them, than the caps allow, and no limited objective is "
            "above its limit.",
            "Aucune partie n'a plus de demandes placées, ni plus de jours, que les plafonds ne le permettent, et "
            "aucun objectif limité ne dépasse sa limite.",
        ),
        Text("Recounted by the same checker.", "Recompté par le même vérificateur."),
        Text(
            "Whether parties are told apart rightly: they are taken as given.",
            "La juste distinction des parties : elles sont prises telles quelles.",
        ),
    ),
    "non_wasteful": Statement(
        Text("non-wasteful", "sans gaspillage"),
        Text(
            "With everything else where it is, no unplaced demand fits in free days on one of its options, no "
            "displaced booking fits in its own place or on one of its options, and no campaign fits that would bring "
            "a target nearer; caps and limits respected.",
            "Tout le reste restant en place, aucune demande non placée ne tient dans des jours libres sur l'une de "
            "ses options, aucune réservation évincée ne tient à sa place ou sur l'une de ses options, et aucune "
            "campagne ne tient qui rapprocherait un objectif de production ; plafonds et limites respectés.",
        ),
        Text(
            "Every option of every unplaced demand, displaced booking and surge is tried at its earliest free start. "
            "A find counts even where the objectives prefer the days empty; its effect on them is given.",
            "Chaque option de chaque demande non placée, réservation évincée et montée en charge est essayée à son "
            "premier début libre. Un cas trouvé compte même si les objectifs préfèrent les jours vides ; son effet "
            "est indiqué.",
        ),
        Text(
            "Room that would appear if placed demands or kept bookings were shifted; moved bookings that could go "
            "back.",
            "La place qui apparaîtrait en décalant des demandes placées ou des réservations ; le retour des "
            "réservations déplacées.",
        ),
    ),
    "no_justified_envy": Statement(
        Text("no justified envy", "sans envie justifiée"),
        Text(
            "No unplaced demand could replace one placed demand of lower priority: with that one taken out and the "
            "rest where it is, the other does not fit on any option of its own that uses its days (or, where only a "
            "cap or a limit keeps it out, on any option), caps and limits respected. Priority is what a demand adds "
            "to the weight objectives in their order, so tiers go first where they are named; without such an "
            "objective, the lower tier, then the greater weight.",
            "Aucune demande non placée ne pourrait remplacer une demande placée moins prioritaire : celle-ci retirée "
            "et le reste en place, l'autre ne tient sur aucune de ses propres options qui utilise ses jours (ou, si "
            "seul un plafond ou une limite l'exclut, sur aucune option), plafonds et limites respectés. La priorité "
            "est ce qu'une demande apporte aux objectifs de poids dans leur ordre, donc d'abord les rangs de priorité "
            "s'ils y figurent ; sans tel objectif, le rang le plus bas, puis le poids le plus élevé.",
        ),
        Text(
            "Every unplaced demand with every placed demand whose days one of its options could use. A find counts "
            "even where an objective that comes before the weights prefers the plan; its effect is given.",
            "Chaque demande non placée avec chaque demande placée dont l'une de ses options pourrait utiliser les "
            "jours. Un cas trouvé compte même si un objectif placé avant les poids préfère le plan ; son effet est "
            "indiqué.",
        ),
        Text(
            "Replacing several demands at once, a booking or a campaign; a placed demand that would rather be "
            "elsewhere.",
            "Le remplacement de plusieurs demandes à la fois, d'une réservation ou d'une campagne ; une demande "
            "placée qui préférerait une autre place.",
        ),
    ),
    "bounds": Statement(
        Text("honest bounds", "bornes honnêtes"),
        Text(
            "Each level's value is what the plan is worth, its bound is not passed by it, it is called proven only "
            "where the two are equal, and nothing found here is better than a bound allows.",
            "La valeur de chaque niveau est celle du plan, le plan ne dépasse pas sa borne, un niveau n'est dit "
            "prouvé que si les deux sont égales, et rien de ce qui est trouvé ici n'est meilleur qu'une borne ne le "
            "permet.",
        ),
        Text(
            "Values recomputed by the checker; every better plan found under the other properties held against the "
            "bounds.",
            "Valeurs recalculées par le vérificateur ; chaque meilleur plan trouvé au titre des autres propriétés est "
            "confronté aux bornes.",
        ),
        Text(
            "The proofs of the bounds themselves: they are the solver's.",
            "Les preuves des bornes elles-mêmes : elles viennent du solveur.",
        ),
    ),
    "monotone": Statement(
        Text("monotone in priority", "monotone en priorité"),
        Text(
            "Were its weight higher, a placed demand would be placed in the best plan of this engine.",
            "Si son poids était plus élevé, une demande placée le serait dans le meilleur plan de ce moteur.",
        ),
        Text(
            "For a sample of placed demands, what they compete with is solved again with the weight raised by one, up "
            "to the level that counts it. It counts only where the new plan is proven. Where the plan's own levels "
            "are proven up to there, it also follows for every raise of every such demand, and that number is given.",
            "Pour un échantillon de demandes placées, ce avec quoi elles sont en concurrence est résolu à nouveau, "
            "poids augmenté d'un, jusqu'au niveau qui le compte. Seul un nouveau plan prouvé compte. Là où les "
            "niveaux du plan sont eux-mêmes prouvés jusque-là, la propriété en découle pour toute hausse de chacune "
            "de ces demandes, dont le nombre est indiqué.",
        ),
        Text(
            "Demands outside the sample, unless it follows for them; on which option or day a demand is placed again.",
            "Les demandes hors échantillon, sauf si la propriété en découle ; l'option ou le jour où une demande est "
            "replacée.",
        ),
    ),
}
